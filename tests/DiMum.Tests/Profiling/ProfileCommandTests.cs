using System.Text.Json;
using DiMum.Cli;
using DiMum.Profiling;
using DiMum.Runs;
using DiMum.Tests.Data;
using NUnit.Framework;

namespace DiMum.Tests.Profiling;

/// <summary><c>dimum profile</c> from the command line.</summary>
[NonParallelizable]
public sealed class ProfileCommandTests
{
    private const string SmallUNet = """
        { "_class_name": "UNet2DConditionModel", "block_out_channels": [32, 64], "down_block_types": ["CrossAttnDownBlock2D", "DownBlock2D"],
          "up_block_types": ["UpBlock2D", "CrossAttnUpBlock2D"], "layers_per_block": 1, "cross_attention_dim": 16, "attention_head_dim": 4,
          "norm_num_groups": 8, "sample_size": 8 }
        """;

    [TestCase("nothing", "no such file")]
    [TestCase("digits --steps 0", "--steps 0")]
    [TestCase("digits --threads 0", "--threads 0")]
    [TestCase("digits --batch 0", "--batch 0")]
    [TestCase("digits --side 8", "--side")]
    [TestCase("digits --device gpu", "device 'gpu'")]
    [TestCase("digits --precision fp8", "fp8")]
    [TestCase("mixture --precision bf16", "precision")]
    [TestCase("sd-1.5 --precision bf16", "fp32 only")]
    [TestCase("sd-1.5 --set seed=2", "no experiment")]
    [TestCase("sd-1.5 --side 12", "multiple of 8")]
    [TestCase("no-such.json", "no-such.json")]
    public void A_mistake_is_one_line(string arguments, string says)
    {
        var (code, output, error) = CommandLine.Call(["profile", .. arguments.Split(' ')]);
        Assert.That(code, Is.EqualTo(2));
        Assert.That(output, Is.Empty);
        Assert.That(error.Trim(), Does.StartWith("dimum: ").And.Contain(says).And.Not.Contain("\n"));
    }

    private int threads;

    [SetUp]
    public void Remember() => threads = TorchSharp.torch.get_num_threads();

    [TearDown]
    public void Restore() => TorchSharp.torch.set_num_threads(threads);

    [Test]
    public void A_text_conditioned_network_gives_table_json_and_trace()
    {
        using var folder = new TempFolder();
        var config = folder["config.json"];
        File.WriteAllText(config, SmallUNet);
        var request = new ProfileRequest(config, [], null, null, null, null, 1, Threads: 1);
        var (measured, step) = NetworkProfile.Measure(request, new(1e9, 1e9, "", 1e9, 1), warmUpSeconds: 0);
        var table = ProfileTable.Of(measured, all: true);
        Assert.That(
            table,
            Does.Contain("down_blocks.0.attentions.0.transformer_blocks.0.attn2.softmax").And.Contain("convolution ceiling")
        );
        using var events = JsonDocument.Parse(TraceFile.Of(step, "title"));
        Assert.That(events.RootElement.GetProperty("traceEvents").GetArrayLength(), Is.GreaterThan(100));
        using var profile = JsonDocument.Parse(Json.Write(measured));
        var cross = profile
            .RootElement.GetProperty("Modules")
            .EnumerateArray()
            .Single(m => m.GetProperty("Name").GetString() == "down_blocks.0.attentions.0.transformer_blocks.0.attn2.softmax");
        Assert.That(
            cross.GetProperty("ForwardFlops").GetDouble(),
            Is.EqualTo(4.0 * 77 * 8 * 8 * 32),
            "64 pixels look at 77 tokens, 32 channels"
        );
    }
}
