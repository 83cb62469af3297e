using System.Text.Json.Nodes;
using DiMum.Nets;
using DiMum.Verification;
using NUnit.Framework;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Tests.Golden;

/// <summary>The verifier can fail: what is spoiled in a file or in the weights is found, and named.</summary>
public class VerifierTests
{
    private string folder = "";

    [SetUp]
    public void Make_a_folder() => folder = Directory.CreateTempSubdirectory("golden").FullName;

    [TearDown]
    public void Remove_the_folder() => Directory.Delete(folder, recursive: true);

    private static IEnumerable<TestCaseData> Spoiled()
    {
        static TestCaseData Case(string name, string file, string place, Action<JsonNode> spoil) =>
            new TestCaseData(file, place, spoil).SetName($"Golden_spoiled_{name}");
        yield return Case(
            "schedule_value",
            "schedule",
            "outputs/sigmoid/betas[2]",
            r => Scale(r["outputs"]!["sigmoid"]!["betas"]!["values"]!, 2, 1.001)
        );
        yield return Case(
            "sign_of_an_output",
            "unet_forward_tiny",
            "outputs/cond[7]",
            r => Scale(r["outputs"]!["cond"]!["values"]!, 7, -1)
        );
        yield return Case("label", "unet_forward_tiny", "outputs/stage_outputs_cond/classes_emb", r => r["outputs"]!["c"]![0] = 4);
        yield return Case("time", "unet_forward_tiny", "outputs/stage_outputs_cond/temb.dense.0", r => r["outputs"]!["t"]![1] = 501);
        yield return Case("guidance", "unet_forward_tiny", "outputs/cfg/value[", r => r["outputs"]!["cfg"]!["cond_scale"] = 3.0);
        yield return Case("name_prefix", "loss_and_grads_tiny32", "inputs", r => r["name_prefix"] = "other.");
        yield return Case("parameter_name", "loss_and_grads_tiny32", "param_names", r => r["param_names"]![3] = "temb.dense.1.wight");
        yield return Case("noise_name", "train_steps", "outputs/events/3/", r => r["outputs"]!["events"]![0]!["name"] = "pub.other");
        yield return Case("learning_rate", "train_steps", "outputs/events/8/table/", r => r["config"]!["hyper"]!["lr"] = 2.1e-4);
        yield return Case("missing_draw", "train_steps", "no choice is listed", r => r["outputs"]!["events"]!.AsArray().RemoveAt(2));
        yield return Case("iterations", "train_steps", "more 'backward'", r => r["config"]!["hyper"]!["n_iters"] = 2);
        yield return Case("unlearning_label", "dimum_steps", "outputs/events/8/", Relabel);
        yield return Case("mask_ratio", "salun_mask", "outputs/mask/0/", r => r["outputs"]!["mask"]![0]!["ratio"] = 0.51);
        yield return Case("sd_time", "sd_unet_tiny64", "outputs/eps", r => r["inputs"]!["timesteps"]![1] = 803);
        yield return Case("sd_heads", "sd_unet_tiny64", "outputs/eps", r => r["diffusers_config"]!["attention_head_dim"] = 4);
        yield return Case("sd_gain", "sd_vae_tiny", "outputs/mean", r => r["weight_rule"]!["gain"] = 1.49);
        yield return Case("sd_token", "clip_text_tiny", "outputs/", r => r["inputs"]!["input_ids"]![1]![3] = 107);
        yield return Case("sd_eta", "sched_diffusers_sd", "cases/0/runs/", r => r["cases"]![0]!["step_arguments"]!["eta"] = 0.1);
        yield return Case(
            "sd_prompt",
            "clip_tokenizer",
            "prompts/2/",
            r => r["prompts"]![2]!["text"] = "An image of Cats in artist sketch stile."
        );
        yield return Case(
            "decay",
            "sfron_steps_nomask",
            "config/hyper/forget_alpha_per_step[1]",
            r => r["config"]!["hyper"]!["decay_forget_alpha"] = false
        );
        yield return Case(
            "margin_of_the_adaptive_weight",
            "erasediff_steps_adaptive",
            "outputs/events/57/lambda_bome",
            r => r["config"]!["hyper"]!["eta_bome"] = 0.11
        );
        yield return Case("inner_passes", "erasediff_steps", "the run draws", r => r["config"]!["hyper"]!["K_steps"] = 1);
        yield return Case("sparsity", "uc_shs_steps", "outputs/events/10/", r => r["config"]!["hyper"]!["sparsity"] = 0.89);
        yield return Case(
            "projection",
            "uc_shs_steps_project",
            "outputs/events/47/v",
            r => Scale(r["outputs"]!["events"]![47]!["v"]!, "value", 1.001)
        );
        yield return Case("chosen_weights", "uc_salun_steps", "outputs/events/11/", r => r["config"]!["hyper"]!["train_method"] = "full");
        yield return Case("share_of_the_mask", "uc_salun_mask", "outputs/ones_per_param", r => r["config"]!["hyper"]!["threshold"] = 0.41);
    }

    [TestCaseSource(nameof(Spoiled))]
    public void Golden_what_is_spoiled_is_named(string file, string place, Action<JsonNode> spoil)
    {
        var result = Run(Copy(file, spoil));
        Assert.That(result.Status, Is.EqualTo(CaseStatus.Failed));
        Assert.That(result.Message + result.WorstAt, Does.Contain(place));
    }

    [Test]
    public void Golden_one_changed_weight_is_found()
    {
        static void Spoil(ParameterVector parameters)
        {
            using var none = no_grad();
            parameters["mid.attn_1.v.weight"].Value[5, 6].add_(0.01);
        }

        var result = Verifier.RunFile(Path.Combine(GoldenTests.Folder, "unet_forward_tiny.json"), CPU, ScalarType.Float32, Spoil);
        Assert.That(result.Status, Is.EqualTo(CaseStatus.Failed));
        Assert.That(result.Message, Does.Contain("outputs/stage_outputs_cond/mid.attn_1"));
    }

    [Test]
    public void Golden_a_truncated_file_is_named()
    {
        var path = Path.Combine(folder, "adam.json");
        var whole = File.ReadAllText(Path.Combine(GoldenTests.Folder, "adam.json"));
        File.WriteAllText(path, whole[..(whole.Length / 2)]);
        var result = Run(path);
        Assert.That(result.Status, Is.EqualTo(CaseStatus.Failed));
        Assert.That(result.Message, Does.Contain(path).And.Contains("JSON"));
    }

    [Test]
    public void Golden_what_nobody_reads_is_listed()
    {
        var path = Copy(
            "adam",
            r =>
            {
                r["outputs"]!["another"] = JsonNode.Parse("""{ "value": 1.5, "atol": 0.1 }""");
                r["outputs"]!["runs"]![0]!["steps"]![0]!["p.weight"]!["sum"]!["value"] = r["outputs"]!["runs"]![0]!["steps"]![0]![
                    "p.weight"
                ]!["sum"]!["f64"]!.DeepClone();
            }
        );
        Assert.That(Run(path).Unchecked, Is.EqualTo(new[] { "outputs/another" }));
    }

    [Test]
    public void Golden_a_setting_that_nobody_reads_is_listed() =>
        Assert.That(
            Run(Copy("train_steps", r => r["config"]!["hyper"]!["warmup"] = 100)).Unchecked,
            Is.EqualTo(new[] { "config/hyper/warmup" })
        );

    [Test]
    public void Golden_a_case_is_told_by_its_content_not_its_file_name()
    {
        var path = Copy("adam", r => r["case"] = "adam_2", "something");
        Assert.That(Run(path).Status, Is.EqualTo(CaseStatus.Passed));
    }

    [TestCase("adamant")]
    [TestCase("another_kind")]
    public void Golden_an_unknown_kind_is_pending(string kind)
    {
        var result = Run(Copy("adam", r => r["case"] = kind));
        Assert.That(result.Status, Is.EqualTo(CaseStatus.Pending));
        Assert.That(result.Message, Does.Contain(kind));
        Assert.That(result.Checks, Is.Zero);
    }

    [Test]
    public void Golden_a_method_that_is_not_built_is_pending()
    {
        var result = Run(Copy("sfron_ga_mask", r => r["config"]!["hyper"]!["method"] = "joint"));
        Assert.That(result.Status, Is.EqualTo(CaseStatus.Pending));
        Assert.That(result.Message, Does.Contain("joint"));
    }

    [Test]
    public void Golden_a_missing_folder_is_the_users_error() =>
        Assert.That(() => Verifier.Run(Path.Combine(folder, "nowhere"), CPU), Throws.TypeOf<UserError>().With.Message.Contains("nowhere"));

    [Test]
    public void Golden_no_file_of_a_pattern_is_the_users_error() =>
        Assert.That(
            () => Verifier.Run(GoldenTests.Folder, CPU, only: "nothing_*"),
            Throws.TypeOf<UserError>().With.Message.Contains("nothing_*")
        );

    [Test]
    public void Golden_the_rule_gives_sines_of_a_mixed_index()
    {
        Assert.That(ProceduralRule.Hash("conv_in.weight"), Is.EqualTo(2984744775u));
        Assert.That(ProceduralRule.Mix(2984744775u, 0), Is.EqualTo(692347966u));
        Assert.That(ProceduralRule.Sine(2984744775u, 0), Is.EqualTo(0.8483433363399774).Within(1e-15));
    }

    private static CaseResult Run(string path) =>
        Verifier.Run(Path.GetDirectoryName(path)!, CPU, only: Path.GetFileNameWithoutExtension(path)).Single();

    private string Copy(string file, Action<JsonNode> change, string? name = null)
    {
        var root = JsonNode.Parse(File.ReadAllText(Path.Combine(GoldenTests.Folder, file + ".json")))!;
        change(root);
        var path = Path.Combine(folder, (name ?? file) + ".json");
        File.WriteAllText(path, root.ToJsonString());
        return path;
    }

    private static void Scale(JsonNode values, string name, double factor) => values[name] = values[name]!.GetValue<double>() * factor;

    private static void Scale(JsonNode values, int index, double factor) => values[index] = values[index]!.GetValue<double>() * factor;

    private static void Relabel(JsonNode root)
    {
        foreach (var input in root["inputs"]!.AsArray())
            if (input!["name"]!.GetValue<string>().Contains(".mem.", StringComparison.Ordinal))
                for (var i = 0; i < input["labels"]!.AsArray().Count; i++)
                    input["labels"]![i] = 2;
    }
}
