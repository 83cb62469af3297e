using System.Globalization;
using System.Text.RegularExpressions;
using DiMum.Diffusion;
using DiMum.Nets;
using DiMum.StableDiffusion;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Verification.Cases;

/// <summary>Stable Diffusion's autoencoder at procedural weights: moments, sample, divergence, images, gradients, and names of both kinds.</summary>
internal static partial class SdAutoencoderCase
{
    public static void Run(CaseRun run)
    {
        var (root, outputs, inputs) = (run.File.Root, run.File.Outputs, run.File.Root["inputs"]);
        var config = Config(root["diffusers_config"]);
        string CompVis(Parameter p) => CompVisNames.Autoencoder(p.Name, config);
        using var network = new AutoencoderKL(config, run.Device, null, run.Precision, frozen: !outputs.Has("gradients"));
        SdPart.Load(run, network.Parameters, CompVis);
        SdPart.Names(run, network.Parameters.Entries, CompVis);
        using var none = network.Parameters.Frozen ? no_grad() : null;
        var posterior = network.Encode(SdPart.Input(run, inputs["image"]));
        var reconstruction = network.Decode(posterior.Mean);
        foreach (var (name, want) in outputs.Members())
        {
            var got = name switch
            {
                "mean" => posterior.Mean,
                "logvar" => posterior.LogVariance,
                "sample_mean_plus_std_times_noise" => posterior.Sample(SdPart.Input(run, inputs["noise"])),
                "kl_per_item" => posterior.Divergence(),
                "decode_of_z" => Decoded(network, SdPart.Input(run, inputs["z"])),
                "reconstruction_of_mean" => reconstruction,
                _ => null,
            };
            if (got is not null)
                SdPart.Compare(run, want, got, SdPart.Tolerance(run, name));
        }

        if (outputs.Find("mse_of_reconstruction_of_mean") is { } wanted)
            Gradient(
                run,
                network,
                CompVis,
                wanted,
                EpsilonLoss.SquaredError(SdPart.Input(run, inputs["target"]), reconstruction, LossReduction.MeanAll)
            );
    }

    private static Tensor Decoded(AutoencoderKL network, Tensor latents)
    {
        using var none = no_grad();
        return network.Decode(latents);
    }

    private static void Gradient(CaseRun run, AutoencoderKL network, Func<Parameter, string> compVis, GoldenNode wanted, Tensor loss)
    {
        // The mean square of (target − r) moves by at most twice its root times the tolerance of r.
        var atol = 2 * Math.Sqrt(wanted.Number()) * SdPart.Tolerance(run, "reconstruction_of_mean");
        run.Check.Number(wanted, loss.ToDouble(), atol);
        if (run.File.Outputs.Find("gradients") is not { } gradients)
            return;
        loss.backward();
        var rule = run.File.Root["tolerance"]["gradient_norm"];
        if (Relative().Match(rule.Text()) is not { Success: true } match)
            throw new Mismatch($"{rule.Path}: expected «rel …», found '{rule.Text()}'");
        SdPart.Gradients(run, gradients, network.Parameters, compVis, double.Parse(match.Groups[1].Value, CultureInfo.InvariantCulture));
    }

    private static AutoencoderConfig Config(GoldenNode config)
    {
        if (config.Find("act_fn") is { } activation && activation.Text() != "silu")
            throw new NotCovered($"{activation.Path}: only silu is built here");
        foreach (var (blocks, built) in new[] { ("down_block_types", "DownEncoderBlock2D"), ("up_block_types", "UpDecoderBlock2D") })
            if (config[blocks].Texts().Any(t => t != built))
                throw new NotCovered($"{config[blocks].Path}: only {built} is built here");
        var channels = config["in_channels"].Integer();
        if (config["out_channels"].Integer() != channels)
            throw new NotCovered($"{config.Path}: as many channels in as out are built here");
        return new(
            (int)channels,
            (int)config["latent_channels"].Integer(),
            [.. config["block_out_channels"].Integers().Select(c => (int)c)],
            (int)config["layers_per_block"].Integer(),
            (int)(config.Find("norm_num_groups")?.Integer() ?? 32),
            config.Find("scaling_factor")?.Number() ?? 0.18215
        );
    }

    [GeneratedRegex(@"rel\s+([0-9.eE+-]+)")]
    private static partial Regex Relative();
}
