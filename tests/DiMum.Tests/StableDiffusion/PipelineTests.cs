using System.IO.Compression;
using System.Text.Json;
using DiMum.Checkpoints;
using DiMum.Nets;
using DiMum.StableDiffusion;
using DiMum.Tests.Checkpoints;
using DiMum.Tests.Data;
using NUnit.Framework;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Tests.StableDiffusion;

/// <summary>Every layout that Stable Diffusion's weights come in gives the same bits, and what is written can be read back.</summary>
public class PipelineTests
{
    [TestCase(ScalarType.Float32)]
    [TestCase(ScalarType.Float16)]
    [TestCase(ScalarType.BFloat16)]
    public void A_folder_is_written_and_read_back_bit_equal(ScalarType type)
    {
        using var folder = new TempFolder();
        using var made = TinyPipeline.Make(type);
        made.Save(folder["a"]);
        using var read = StableDiffusionPipeline.Load(folder["a"], new LoadOptions { Trainable = false });
        Assert.That(read.Types, Is.EqualTo(new StoredTypes(type, type, type)));
        Assert.That($"{read.UNet.Config}", Is.EqualTo($"{made.UNet.Config}"));
        Assert.That(read.Autoencoder.Config.BlockOutChannels, Is.EqualTo(made.Autoencoder.Config.BlockOutChannels));
        Assert.That(read.Autoencoder.Config.ScalingFactor, Is.EqualTo(0.25));
        Assert.That((read.TextEncoder.Config, read.Scheduler), Is.EqualTo((made.TextEncoder.Config, made.Scheduler)));
        SameWeights(read, made);
        Assert.That(read.UNet.Parameters.Frozen && read.TextEncoder.Parameters.Frozen);
        Assert.That(read.Tokenizer.Padded("the cat's inner hat"), Is.EqualTo(made.Tokenizer.Padded("the cat's inner hat")));

        read.Save(folder["b"]);
        var files = Directory.GetFiles(folder["a"], "*", SearchOption.AllDirectories);
        Assert.That(files, Has.Length.EqualTo(12));
        foreach (var file in files)
            Assert.That(
                File.ReadAllBytes(file.Replace(folder["a"], folder["b"], StringComparison.Ordinal)),
                Is.EqualTo(File.ReadAllBytes(file)),
                file
            );
    }

    [Test]
    public void Weights_pickled_by_PyTorch_are_read_too()
    {
        using var folder = new TempFolder();
        using var made = TinyPipeline.Make();
        made.Save(folder.Root);
        foreach (
            var (part, file) in new[] { ("unet", "diffusion_pytorch_model"), ("vae", "diffusion_pytorch_model"), ("text_encoder", "model") }
        )
        {
            var path = folder[$"{part}/{file}.safetensors"];
            using var stored = SafetensorsFile.Open(path);
            File.WriteAllBytes(folder[$"{part}/{(part == "text_encoder" ? "pytorch_model" : file)}.bin"], Pickled(Tensors(stored)));
            File.Delete(path);
        }

        using var read = StableDiffusionPipeline.Load(folder.Root);
        SameWeights(read, made);
    }

    [Test]
    public void Weights_in_several_files_with_an_index_are_read_and_the_index_can_t_lead_outside()
    {
        using var folder = new TempFolder();
        using var made = TinyPipeline.Make();
        made.Save(folder.Root);
        var whole = folder["unet/diffusion_pytorch_model.safetensors"];
        var index = whole + ".index.json";
        var (tensors, _) = Safetensors.Read(whole);
        var map = new Dictionary<string, string>();
        foreach (var half in new[] { 0, 1 })
        {
            var some = tensors.Where((_, i) => i % 2 == half).ToDictionary();
            Safetensors.Write(folder[$"unet/part-{half}.safetensors"], some);
            foreach (var name in some.Keys)
                map[name] = $"part-{half}.safetensors";
        }

        File.Delete(whole);
        void Write() => File.WriteAllText(index, JsonSerializer.Serialize(new { metadata = new { total_size = 0 }, weight_map = map }));
        Write();
        using (var read = StableDiffusionPipeline.Load(folder.Root))
            SameWeights(read, made);
        map["conv_in.weight"] = "part-1.safetensors";
        Write();
        Refusal.Of(() => StableDiffusionPipeline.Load(folder.Root), "part-1.safetensors", "conv_in.weight");
        map["conv_in.weight"] = "../part-0.safetensors";
        Write();
        Refusal.Of(() => StableDiffusionPipeline.Load(folder.Root), index, "'../part-0.safetensors'");
        foreach (var tensor in tensors.Values)
            tensor.Dispose();
    }

    // The variant before .json is what diffusers and transformers write; the other way round is what some converters do.
    [TestCase("safetensors", "{0}.safetensors.index.fp16.json", "{0}.fp16-0000{1}-of-00002.safetensors")]
    [TestCase("safetensors", "{0}.fp16.safetensors.index.json", "{0}-0000{1}-of-00002.fp16.safetensors")]
    [TestCase("bin", "{0}.bin.index.fp16.json", "{0}.fp16-0000{1}-of-00002.bin")]
    [TestCase("bin", "{0}.fp16.bin.index.json", "{0}-0000{1}-of-00002.fp16.bin")]
    public void An_fp16_variant_in_several_files_is_found_under_either_spelling(string kind, string index, string shard)
    {
        using var folder = new TempFolder();
        using var made = TinyPipeline.Make(ScalarType.Float16);
        made.Save(folder.Root);
        foreach (var part in new[] { "unet", "text_encoder" })
        {
            var (stem, pickled) = part == "unet" ? ("diffusion_pytorch_model", "diffusion_pytorch_model") : ("model", "pytorch_model");
            var (whole, name) = (folder[$"{part}/{stem}.safetensors"], kind == "bin" ? pickled : stem);
            var map = new Dictionary<string, string>();
            using (var stored = SafetensorsFile.Open(whole))
                foreach (var (names, i) in stored.Stored.Keys.Chunk(stored.Stored.Count / 2 + 1).Select((n, i) => (n, i + 1)))
                {
                    var file = string.Format(System.Globalization.CultureInfo.InvariantCulture, shard, name, i);
                    var some = names.ToDictionary(n => n, stored.Read);
                    if (kind == "bin")
                        File.WriteAllBytes(folder[$"{part}/{file}"], Pickled(some));
                    else
                        Safetensors.Write(folder[$"{part}/{file}"], some);
                    foreach (var (n, tensor) in some)
                    {
                        map[n] = file;
                        tensor.Dispose();
                    }
                }

            Assert.That(map.Values.Distinct().Count(), Is.EqualTo(2));
            File.Delete(whole);
            var path = folder[$"{part}/{string.Format(System.Globalization.CultureInfo.InvariantCulture, index, name)}"];
            File.WriteAllText(path, JsonSerializer.Serialize(new { weight_map = map }));
        }

        using var read = StableDiffusionPipeline.Load(folder.Root);
        SameWeights(read, made);
        Assert.That(read.Types.UNet, Is.EqualTo(ScalarType.Float16));
    }

    [TestCase(true)]
    [TestCase(false)]
    public void A_CompVis_file_gives_the_same_bits_as_the_folder_and_what_stands_beside_the_weights_is_left_alone(bool safetensors)
    {
        using var folder = new TempFolder();
        var config = TinyPipeline.Config with { Text = TinyPipeline.Config.Text with { VocabularySize = 49408, Width = 16 } };
        using var made = TinyPipeline.Make(config: config);
        using var scope = NewDisposeScope();
        var tensors = CompVis(made);
        tensors["model_ema.decay"] = tensor(0.9999f);
        tensors["alphas_cumprod"] = rand(10);
        tensors["cond_stage_model.transformer.text_model.embeddings.position_ids"] = arange(77).unsqueeze(0);
        var path = folder[safetensors ? "model.safetensors" : "sd.ckpt"];
        if (safetensors)
            Safetensors.Write(path, tensors);
        else
            File.WriteAllBytes(path, Pickled(tensors, inStateDict: true));
        using var read = StableDiffusionPipeline.Load(path, new LoadOptions { SingleFile = config });
        SameWeights(read, made);
    }

    [Test]
    public void The_autoencoder_s_attention_is_found_under_its_old_names()
    {
        using var folder = new TempFolder();
        using var made = TinyPipeline.Make();
        made.Save(folder.Root);
        var path = folder["vae/diffusion_pytorch_model.safetensors"];
        var (tensors, _) = Safetensors.Read(path);
        string Old(string name) =>
            name.Replace(".to_q.", ".query.").Replace(".to_k.", ".key.").Replace(".to_v.", ".value.").Replace(".to_out.0.", ".proj_attn.");
        var renamed = tensors.ToDictionary(t => Old(t.Key), t => t.Value);
        Assert.That(renamed.Keys.Except(tensors.Keys).Count(), Is.EqualTo(16));
        Safetensors.Write(path, renamed);
        using var read = StableDiffusionPipeline.Load(folder.Root);
        SameWeights(read, made);
        foreach (var tensor in tensors.Values)
            tensor.Dispose();
    }

    [Test]
    public void A_vector_longer_than_one_piece_of_memory_is_written_and_read_whole()
    {
        using var folder = new TempFolder();
        using var scope = NewDisposeScope();
        var longer = arange((1 << 26) + 5, ScalarType.Int64).to(ScalarType.Int8);
        Safetensors.Write(folder["a.safetensors"], new Dictionary<string, Tensor> { ["x"] = longer });
        var read = Safetensors.Read(folder["a.safetensors"]).Tensors["x"];
        Assert.That(read.equal(longer).all().item<bool>());
        read.Dispose();
    }

    private static void SameWeights(StableDiffusionPipeline read, StableDiffusionPipeline made)
    {
        using var scope = NewDisposeScope();
        foreach (var (a, b) in TinyPipeline.Vectors(read).Zip(TinyPipeline.Vectors(made)))
        {
            Assert.That(a.Values.abs().max().item<float>(), Is.GreaterThan(0));
            Assert.That(a.Values.bytes.SequenceEqual(b.Values.bytes));
        }
    }

    private static Dictionary<string, Tensor> Tensors(SafetensorsFile file) => file.Stored.Keys.ToDictionary(name => name, file.Read);

    private static Dictionary<string, Tensor> CompVis(StableDiffusionPipeline pipeline)
    {
        var result = new Dictionary<string, Tensor>();
        void Add(ParameterVector parameters, string prefix, Func<string, string> rename, Func<string, long[], long[]>? shape = null)
        {
            foreach (var p in parameters.Entries)
                result[prefix + rename(p.Name)] = parameters
                    .Slice(parameters.Values, p.Name)
                    .view(shape?.Invoke(p.Name, p.Shape) ?? p.Shape);
        }

        Add(pipeline.UNet.Parameters, "model.diffusion_model.", n => CompVisNames.UNet(n, pipeline.UNet.Config));
        Add(
            pipeline.Autoencoder.Parameters,
            "first_stage_model.",
            n => CompVisNames.Autoencoder(n, pipeline.Autoencoder.Config),
            CompVisNames.AutoencoderShape
        );
        Add(pipeline.TextEncoder.Parameters, "cond_stage_model.transformer.", n => n);
        return result;
    }

    // As torch.save writes it; with the trainer's own objects and NumPy's numbers beside the weights where they are in a state_dict.
    private static byte[] Pickled(Dictionary<string, Tensor> tensors, bool inStateDict = false)
    {
        var storages = new List<(string, byte[])>();
        var writer = PickleWriter.Start().Op('}');
        if (inStateDict)
        {
            writer.Text("global_step").NumpyNumber().Op('s').Text("epoch").Number(3).Op('s').Text("callbacks");
            writer.Op('}').Global("pytorch_lightning.callbacks.model_checkpoint", "ModelCheckpoint");
            writer.Op('}').Text("best_model_score").NumpyNumber("numpy._core").Op('s').Op('s').Op('s');
            writer.Text("state_dict").Op('}');
        }

        foreach (var (name, tensor) in tensors)
        {
            using var plain = tensor.detach().contiguous();
            var strides = plain.shape.Select((_, i) => plain.shape.Skip(i + 1).Aggregate(1L, (a, b) => a * b)).ToArray();
            var type = plain.dtype switch
            {
                ScalarType.Int64 => "LongStorage",
                ScalarType.Float16 => "HalfStorage",
                _ => "FloatStorage",
            };
            writer.Text(name).Tensor($"{storages.Count}", plain.numel(), 0, plain.shape, strides, type).Op('s');
            storages.Add(($"{storages.Count}", plain.bytes.ToArray()));
        }

        if (inStateDict)
            writer.Op('s');
        return PickleWriter.Zip(writer.Op('.').Bytes, CompressionLevel.NoCompression, [.. storages]);
    }
}
