using System.Text.Json;
using System.Text.Json.Nodes;
using DiMum.Checkpoints;
using DiMum.Data;
using static TorchSharp.torch;

namespace DiMum.StableDiffusion;

/// <summary>A model as a folder, as diffusers keeps it: <c>unet/ vae/ text_encoder/ tokenizer/ scheduler/ model_index.json</c>.</summary>
internal static class DiffusersFolder
{
    private const string Layout = "a diffusers folder (unet/ vae/ text_encoder/ tokenizer/ scheduler/ model_index.json)";
    private static readonly string[] NetworkFiles = Variants("diffusion_pytorch_model", "diffusion_pytorch_model");
    private static readonly string[] TextFiles = Variants("model", "pytorch_model");
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    /// <summary>Its shapes and schedule.</summary>
    public static PipelineConfig Config(string path)
    {
        var folder = InputFile.Folder(path, Layout);
        Refuse(folder);
        JsonConfig Part(string part, string file) => JsonConfig.Read(Path.Combine(folder, part, file), Layout);
        var config = new PipelineConfig(
            DiffusersConfigs.UNet(Part("unet", "config.json")),
            DiffusersConfigs.Autoencoder(Part("vae", "config.json")),
            DiffusersConfigs.Text(Part("text_encoder", "config.json")),
            DiffusersConfigs.Scheduler(Part("scheduler", "scheduler_config.json"))
        );
        config.Check(folder);
        return config;
    }

    public static StableDiffusionPipeline Load(string path, LoadOptions options)
    {
        var (folder, config) = (InputFile.Folder(path, Layout), Config(path));
        var tokenizer = TokenizerFolder.Read(Path.Combine(folder, "tokenizer"));
        if (tokenizer.Count > config.Text.VocabularySize)
            throw new UserError(
                $"{folder}: the tokenizer has {tokenizer.Count} tokens and the text encoder knows {config.Text.VocabularySize}; these parts belong to different models"
            );
        return StableDiffusionPipeline
            .Empty(config, tokenizer, options)
            .Filled(part =>
            {
                using var weights = WeightsFile.Open(Find(Path.Combine(folder, part.Folder), Files(part)));
                return WeightsFile.Fill(weights, part.Parameters, part.InFolder, part.What);
            });
    }

    public static void Save(StableDiffusionPipeline pipeline, string folder, StoredTypes types)
    {
        void Json(string part, string file, JsonObject json) =>
            AtomicFile.WriteText(Path.Combine(folder, part, file), json.ToJsonString(Indented) + "\n");
        Json("unet", "config.json", DiffusersConfigs.Of(pipeline.UNet.Config));
        Json("vae", "config.json", DiffusersConfigs.Of(pipeline.Autoencoder.Config));
        Json("text_encoder", "config.json", DiffusersConfigs.Of(pipeline.TextEncoder.Config));
        Json("scheduler", "scheduler_config.json", DiffusersConfigs.Of(pipeline.Scheduler));
        TokenizerFolder.Write(Path.Combine(folder, "tokenizer"), pipeline.Tokenizer, pipeline.TextEncoder.Config.MaxTokens);
        Write(folder, Part.OfUNet(pipeline.UNet), types.UNet);
        Write(folder, Part.OfAutoencoder(pipeline), types.Autoencoder);
        Write(folder, Part.OfTextEncoder(pipeline), types.TextEncoder);
        Json("", "model_index.json", DiffusersConfigs.Index(pipeline.Scheduler));
    }

    // Other families have other parts: said before a file of theirs is opened.
    private static void Refuse(string folder)
    {
        var index = JsonConfig.Read(Path.Combine(folder, "model_index.json"), Layout);
        var name = index.Text("_class_name", "");
        var xl =
            name.Contains("XL", StringComparison.Ordinal)
            || index.Has("text_encoder_2")
            || Directory.Exists(Path.Combine(folder, "text_encoder_2"));
        if (xl || name != "StableDiffusionPipeline")
            throw new UserError(
                $"{folder}: is {(xl ? "a Stable Diffusion XL model" : "another kind of model")} ({name}); only the Stable Diffusion 1.x family is read: give a folder whose model_index.json says StableDiffusionPipeline"
            );
    }

    private static string[] Variants(string safetensors, string pickled) =>
        [.. Spellings(safetensors, "safetensors"), .. Spellings(pickled, "bin")];

    // One file or the index of several; the last spelling is of some converters, the one before it diffusers' and transformers' own.
    private static string[] Spellings(string stem, string kind) =>
        [
            $"{stem}.{kind}",
            $"{stem}.{kind}.index.json",
            $"{stem}.fp16.{kind}",
            $"{stem}.{kind}.index.fp16.json",
            $"{stem}.fp16.{kind}.index.json",
        ];

    private static string Find(string folder, string[] names) =>
        names.Select(n => Path.Combine(folder, n)).FirstOrDefault(File.Exists)
        ?? throw new UserError($"{folder}: has no weights; expected {names[0]}, {names[1]} or {names[names.Length / 2]}");

    private static string[] Files(Part part) => part.Folder == "text_encoder" ? TextFiles : NetworkFiles;

    private static void Write(string folder, Part part, ScalarType type)
    {
        var parameters = part.Parameters;
        Safetensors.Write(
            Path.Combine(folder, part.Folder, Files(part)[0]),
            [
                .. parameters.Entries.Select(p => new WrittenTensor(
                    p.Name,
                    type,
                    p.Shape,
                    () => parameters.Slice(parameters.Values, p.Name)
                )),
            ],
            new Dictionary<string, string> { ["format"] = "pt" }
        );
    }
}
