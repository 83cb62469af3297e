using DiMum.Cli;
using DiMum.Runs;
using DiMum.Tests.Data;
using NUnit.Framework;

namespace DiMum.Tests.Runs;

/// <summary>What a user gets for a mistake: one clear line and exit code 2.</summary>
[NonParallelizable]
public class CommandTests
{
    [TestCase("run nothing-of-that-name", "no such file")]
    [TestCase("run cifar10-mimi", "did you mean the preset 'cifar10-mini'")]
    [TestCase("run cifar10-mini --out {0}/run", "--set data.path=DIR")]
    [TestCase("run cifar10-mini --set data={0}/none --out {0}/run", "{0}/none")]
    [TestCase("run digits --set pretrain.iteratoins=5", "did you mean 'iterations'")]
    [TestCase("run digits --set pretrain.iterations=many", "expected a whole number")]
    [TestCase("run digits --set unlearn.class=eleven --out {0}/run", "no class 'eleven'")]
    [TestCase("run digits --set unlearn.alternative=0 --out {0}/run", "the class to be unlearned")]
    [TestCase("run digits --device tpu --out {0}/run", "expected cpu, cuda or cuda:N")]
    [TestCase("run digits --set workers=-1", "at least 0")]
    [TestCase("run digits --set unlearn.methods.DiMUM.name=DiMUN", "did you mean 'DiMUM'")]
    [TestCase("run digits --set unlearn.methods.DiMUM.reading=as-released", "no code of it was released; use as-published")]
    [TestCase("run digits --set unlearn.methods.SFR-on.reading=as-released-in-unlearn-canvas", "has no port of it; use as-published")]
    [TestCase("run digits --set unlearn.methods.SalUn.reading=as-printed", "expected as-published or as-released")]
    [TestCase("run digits --set unlearn.methods.SalUn.parameters=cross-attention --out {0}/run", "selects none of this network's")]
    [TestCase("run digits --set unlearn.methods.SalUn.sparsity=1.5", "unlearn.methods.SalUn.sparsity is 1.5")]
    [TestCase("evaluate {0}/none.safetensors", "no such checkpoint")]
    [TestCase("report {0}", "results.json")]
    [TestCase("frobnicate", "See dimum --help")]
    [TestCase("unlearn digits --method Nope --out {0}/run", "this experiment has DiMUM")]
    public void A_mistake_is_one_line_and_exit_code_2(string command, string expected)
    {
        using var folder = new TempFolder();
        var (code, _, error) = CommandLine.Call(command.Replace("{0}", folder.Root).Split(' '));
        Assert.That(code, Is.EqualTo(2), error);
        Assert.That(error, Does.Contain(expected.Replace("{0}", folder.Root)));
        Assert.That(error.TrimEnd('\n').Split('\n'), Has.Length.EqualTo(1), error);
    }

    [Test]
    public void The_help_names_every_method()
    {
        var (code, output, _) = CommandLine.Call("unlearn", "--help");
        Assert.That(code, Is.Zero);
        var words = output.Split([' ', ',', '.', '\n'], StringSplitOptions.RemoveEmptyEntries); // lines are broken at spaces
        Assert.That(words, Is.SupersetOf(MethodRegistry.Names));
    }

    [Test]
    public void The_help_says_how_long_the_style_half_takes()
    {
        var (code, output, _) = CommandLine.Call("demo", "--help");
        Assert.That(code, Is.Zero);
        Assert.That(string.Join(' ', output.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)), Does.Contain("half an hour"));
    }

    [Test]
    public void Cuda_is_refused_where_there_is_none()
    {
        if (TorchSharp.torch.cuda.is_available())
            Assert.Ignore("this machine has CUDA, so there is nothing to refuse");
        var (code, _, error) = CommandLine.Call(["run", "digits", "--device", "cuda"]);
        Assert.That(code, Is.EqualTo(2));
        Assert.That(error, Does.Contain("-p:Torch=cuda"));
    }

    [Test]
    public void A_truncated_batch_file_is_named()
    {
        using var folder = new TempFolder();
        File.WriteAllBytes(Path.Combine(folder.Root, "data_batch_1.bin"), new byte[1000]);
        var (code, _, error) = CommandLine.Call([
            "run",
            "cifar10-mini",
            "--set",
            $"data={folder.Root}",
            "--out",
            Path.Combine(folder.Root, "run"),
        ]);
        Assert.That(code, Is.EqualTo(2));
        Assert.That(error, Does.Contain("data_batch_1.bin"));
    }

    [TestCaseSource(typeof(Presets), nameof(Presets.Names))]
    public void A_preset_survives_writing_and_reading(string name)
    {
        var experiment = Presets.Load(name, []);
        var again = Presets.Bind(YamlRecord.Write(experiment), name, []);
        Assert.That(YamlRecord.Write(again), Is.EqualTo(YamlRecord.Write(experiment)));
    }

    [Test]
    public void The_paper_preset_plans_the_paper_s_network_and_steps()
    {
        var plan = Plan.Describe(Presets.Load("cifar10-paper", []));
        Assert.That(plan, Does.Contain("38,632,323 parameters"));
        Assert.That(plan, Does.Contain("60,000 steps (6 % of pre-training)"));
        Assert.That(plan, Does.Contain("unlearn-SFR-on"));
    }
}
