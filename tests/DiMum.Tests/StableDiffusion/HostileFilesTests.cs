using System.Buffers.Binary;
using System.IO.Compression;
using System.Text;
using System.Text.Json.Nodes;
using DiMum.Checkpoints;
using DiMum.StableDiffusion;
using DiMum.Tests.Checkpoints;
using DiMum.Tests.Data;
using NUnit.Framework;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Tests.StableDiffusion;

/// <summary>Damaged, foreign and malicious model files: each is answered by one line that names the file and what is wrong, and nothing runs.</summary>
public class HostileFilesTests
{
    private const string UNetFile = "unet/diffusion_pytorch_model.safetensors";

    private TempFolder folder = null!;

    [SetUp]
    public void MakeModel()
    {
        folder = new TempFolder();
        using var made = TinyPipeline.Make();
        made.Save(folder.Root);
        using (StableDiffusionPipeline.Load(folder.Root)) { }
    }

    [TearDown]
    public void Clean() => folder.Dispose();

    private void Refused(params string[] parts) => Refusal.Of(() => StableDiffusionPipeline.Load(folder.Root).Dispose(), parts);

    [Test]
    public void A_pickle_that_calls_a_function()
    {
        File.Delete(folder[UNetFile]);
        var marker = folder["touched"];
        var call = PickleWriter.Start().Global("os", "system").Op('(').Text($"touch {marker}").Op('t').Op('R').Op('.').Bytes;
        var path = folder.Write("unet/diffusion_pytorch_model.bin", PickleWriter.Zip(call, CompressionLevel.NoCompression));
        Refused(path, "os.system", "nothing was executed");
        Assert.That(File.Exists(marker), Is.False);
    }

    [Test]
    public void A_truncated_safetensors()
    {
        var bytes = File.ReadAllBytes(folder[UNetFile]);
        folder.Write(UNetFile, bytes[..^100]);
        Refused(folder[UNetFile], "not a whole safetensors file", "outside the file");
        folder.Write(UNetFile, bytes[..7]);
        Refused(folder[UNetFile], "shorter than its 8-byte length field");
    }

    [Test]
    public void A_header_that_claims_2_to_the_60_bytes()
    {
        var bytes = File.ReadAllBytes(folder[UNetFile]);
        BinaryPrimitives.WriteInt64LittleEndian(bytes, 1L << 60);
        folder.Write(UNetFile, bytes);
        Refused(folder[UNetFile], "its header claims 1152921504606846976 bytes");
        BinaryPrimitives.WriteInt64LittleEndian(bytes, -1);
        folder.Write(UNetFile, bytes);
        Refused(folder[UNetFile], "its header claims 18446744073709551615 bytes");
    }

    [Test]
    public void Tensors_that_overlap()
    {
        const string header =
            """{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}""";
        folder.Write(UNetFile, [.. BitConverter.GetBytes((long)header.Length), .. Encoding.UTF8.GetBytes(header), .. new byte[12]]);
        Refused(folder[UNetFile], "overlap");
    }

    [Test]
    public void A_wrong_element_type()
    {
        Rewrite(UNetFile, (name, tensor) => name == "conv_in.weight" ? (name, tensor.to(ScalarType.Int8)) : (name, tensor));
        Refused(folder[UNetFile], "'conv_in.weight' is of Int8", "Float32");
    }

    [Test]
    public void A_wrong_shape()
    {
        Rewrite(UNetFile, (name, tensor) => name == "conv_in.weight" ? (name, tensor.flatten(1)) : (name, tensor));
        Refused(folder[UNetFile], "'conv_in.weight' is [16,36]", "[16,4,3,3]");
    }

    [Test]
    public void A_missing_tensor_is_named_with_the_nearest_ones()
    {
        const string name = "down_blocks.0.attentions.0.transformer_blocks.0.attn2.to_k.weight";
        Rewrite(UNetFile, (n, tensor) => n == name ? (n + "s", tensor) : (n, tensor));
        Refused(folder[UNetFile], $"no tensor '{name}'", "nearest are", $"'{name}s'", "attn1.to_k.weight'");
    }

    [TestCase("""{"_class_name": "StableDiffusionXLPipeline"}""", "Stable Diffusion XL")]
    [TestCase(
        """{"_class_name": "StableDiffusionPipeline", "text_encoder_2": ["transformers", "CLIPTextModelWithProjection"]}""",
        "Stable Diffusion XL"
    )]
    [TestCase("""{"_class_name": "FluxPipeline"}""", "FluxPipeline")]
    public void A_folder_of_another_family_is_refused_by_its_name(string index, string family)
    {
        File.WriteAllText(folder["model_index.json"], index);
        Refused(folder.Root, family, "only the Stable Diffusion 1.x family is read");
    }

    [TestCase("conditioner.embedders.0.transformer.text_model.final_layer_norm.weight", "Stable Diffusion XL")]
    [TestCase("cond_stage_model.model.transformer.resblocks.0.ln_1.weight", "Stable Diffusion 2")]
    public void A_single_file_of_another_family_is_refused_by_its_name(string tensorName, string family)
    {
        using var one = ones(2);
        Safetensors.Write(folder["model.safetensors"], new Dictionary<string, Tensor> { [tensorName] = one });
        Refusal.Of(() => StableDiffusionPipeline.Load(folder["model.safetensors"], Tiny), folder["model.safetensors"], family);
    }

    [TestCase("unet", "\"flip_sin_to_cos\": true", "\"flip_sin_to_cos\": false", "'flip_sin_to_cos' is false; expected true")]
    [TestCase(
        "unet",
        "\"attention_head_dim\": 2",
        "\"attention_head_dim\": [5, 10]",
        "'attention_head_dim' is [5, 10]; expected one whole number"
    )]
    [TestCase("unet", "\"CrossAttnDownBlock2D\"", "\"AttnDownBlock2D\"", "'down_block_types' names AttnDownBlock2D")]
    [TestCase(
        "unet",
        "\"cross_attention_dim\": 16",
        "\"cross_attention_dim\": 24",
        "attends to vectors of 24 and the text encoder makes 16"
    )]
    [TestCase("vae", "\"act_fn\": \"silu\"", "\"act_fn\": \"relu\"", "'act_fn' is relu; expected silu")]
    [TestCase("text_encoder", "\"hidden_act\": \"quick_gelu\"", "\"hidden_act\": \"relu\"", "expected quick_gelu or gelu")]
    [TestCase("text_encoder", "{", "", "not valid JSON")]
    public void A_configuration_these_networks_don_t_have(string part, string from, string to, string message)
    {
        var path = folder[$"{part}/config.json"];
        var text = File.ReadAllText(path);
        Assert.That(text, Does.Contain(from));
        var at = text.IndexOf(from, StringComparison.Ordinal);
        File.WriteAllText(path, text[..at] + to + text[(at + from.Length)..]);
        Refused(message);
    }

    [TestCase("unet/config.json", "norm_num_groups", "0", "one whole number of at least 1")]
    [TestCase("unet/config.json", "attention_head_dim", "0", "one whole number of at least 1")]
    [TestCase("unet/config.json", "layers_per_block", "-1", "one whole number of at least 1")]
    [TestCase("unet/config.json", "block_out_channels", "[16,0]", "whole numbers of at least 1")]
    [TestCase("vae/config.json", "norm_num_groups", "0", "one whole number of at least 1")]
    [TestCase("vae/config.json", "block_out_channels", "[]", "whole numbers of at least 1")]
    [TestCase("text_encoder/config.json", "num_attention_heads", "0", "one whole number of at least 1")]
    [TestCase("text_encoder/config.json", "num_hidden_layers", "-1", "one whole number of at least 1")]
    [TestCase("scheduler/scheduler_config.json", "beta_end", "12", "a number in 0…1")]
    [TestCase("scheduler/scheduler_config.json", "beta_start", "-0.1", "a number in 0…1")]
    [TestCase("scheduler/scheduler_config.json", "num_train_timesteps", "0", "one whole number of at least 1")]
    public void A_number_that_makes_no_network_or_schedule(string file, string key, string value, string expected)
    {
        var json = JsonNode.Parse(File.ReadAllText(folder[file]))!;
        Assert.That(json[key], Is.Not.Null);
        json[key] = JsonNode.Parse(value);
        File.WriteAllText(folder[file], json.ToJsonString());
        Refused(folder[file], $"'{key}' is {value}; expected ", expected);
    }

    [Test]
    public void A_tokenizer_with_a_merge_missing_is_told_by_the_token_that_nothing_makes()
    {
        var path = folder["tokenizer/merges.txt"];
        var lines = File.ReadAllLines(path);
        Assert.That(lines[4].Split(' '), Has.Length.EqualTo(2));
        File.WriteAllLines(path, lines.Where((_, i) => i != 4));
        Refused(path, $"no merge makes '{lines[4].Replace(" ", "", StringComparison.Ordinal)}'", "a line is missing");
        File.WriteAllLines(path, lines.Select((line, i) => i == 4 ? "abc" : line));
        Refused(path + ":5", "'abc' is no pair of symbols");
    }

    [Test]
    public void A_tokenizer_whose_vocabulary_lost_a_line_or_is_another_one_s()
    {
        var path = folder["tokenizer/vocab.json"];
        var lines = File.ReadAllLines(path);
        File.WriteAllLines(path, lines.Where((_, i) => i != 300));
        Refused(path, "has no token");
        File.WriteAllLines(path, lines.Select((line, i) => i == 300 ? line.Replace(": 299", ": 7", StringComparison.Ordinal) : line));
        Refused(path, "is 7, by the order of", "it is 299");
    }

    [Test]
    public void A_folder_without_weights_or_without_an_index()
    {
        File.Delete(folder[UNetFile]);
        Refused(folder["unet"], "has no weights", "diffusion_pytorch_model.safetensors");
        File.Delete(folder["model_index.json"]);
        Refused(folder["model_index.json"], "no such file", "a diffusers folder");
    }

    private static readonly LoadOptions Tiny = new() { SingleFile = TinyPipeline.Config };

    private void Rewrite(string file, Func<string, Tensor, (string, Tensor)> change)
    {
        using var scope = NewDisposeScope();
        var (tensors, metadata) = Safetensors.Read(folder[file]);
        var changed = tensors.Select(t => change(t.Key, t.Value)).ToDictionary();
        Safetensors.Write(folder[file], changed, metadata);
        foreach (var tensor in tensors.Values)
            tensor.Dispose();
    }
}
