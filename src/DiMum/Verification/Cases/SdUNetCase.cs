using DiMum.Diffusion;
using DiMum.Nets;
using DiMum.StableDiffusion;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Verification.Cases;

/// <summary>Stable Diffusion's U-Net at procedural weights: prediction, loss, the gradient of every parameter, and names of both kinds.</summary>
internal static class SdUNetCase
{
    public static void Run(CaseRun run)
    {
        var (root, outputs, inputs) = (run.File.Root, run.File.Outputs, run.File.Root["inputs"]);
        var config = Config(root["diffusers_config"]);
        string CompVis(Parameter p) => CompVisNames.UNet(p.Name, config);
        using var network = new UNet2DConditionModel(config, run.Device, null, run.Precision, frozen: !outputs.Has("gradients"));
        SdPart.Load(run, network.Parameters, CompVis);
        SdPart.Names(run, network.Parameters.Entries, CompVis);
        var (x, context) = (SdPart.Input(run, inputs["x"]), SdPart.Input(run, inputs["context"]));
        var times = run.Tensor(inputs["timesteps"].Integers());
        using var none = network.Parameters.Frozen ? no_grad() : null;
        var epsilon = network.Predict(x, times, new Condition(context));
        SdPart.Compare(run, outputs["eps"], epsilon, SdPart.Tolerance(run, "eps"));
        if (outputs.Find("mse_loss") is { } wanted)
            Gradient(
                run,
                network,
                CompVis,
                wanted,
                EpsilonLoss.SquaredError(SdPart.Input(run, inputs["target"]), epsilon, LossReduction.MeanAll)
            );
    }

    private static void Gradient(CaseRun run, UNet2DConditionModel network, Func<Parameter, string> compVis, GoldenNode wanted, Tensor loss)
    {
        var (outputs, tolerance) = (run.File.Outputs, run.File.Root["tolerance"]);
        run.Check.Number(wanted, loss.ToDouble(), tolerance["mse_loss_abs"].Number());
        if (!outputs.Has("gradients"))
            return;
        loss.backward();
        var relative = tolerance["gradient_norm_rel"].Number();
        var total = outputs["total_gradient_norm"];
        // In float64: float32 sums over millions of elements lose more than the tolerance.
        var length = Math.Sqrt(network.Parameters.Entries.Sum(p => Square(network.Parameters, p)));
        run.Check.Number(total, length, relative * total.Number());
        outputs.Find("gradient_columns")?.Use();
        SdPart.Gradients(run, outputs["gradients"], network.Parameters, compVis, relative);
    }

    private static double Square(ParameterVector parameters, Parameter p)
    {
        using var scope = NewDisposeScope();
        return parameters.Slice(parameters.Gradient, p.Name).to(ScalarType.Float64).square().sum().ToDouble();
    }

    private static UNet2DConditionConfig Config(GoldenNode config)
    {
        foreach (var (name, built) in Built)
            if (config.Find(name) is { } option && option.Element.ToString() != built)
                throw new NotCovered($"{option.Path}: only {built} is built here");
        if (config.Find("attention_head_dim") is { Element.ValueKind: System.Text.Json.JsonValueKind.Array } each)
            throw new NotCovered($"{each.Path}: one number of heads for all levels is built here");
        var attends = config["down_block_types"].Texts().Select(t => t == "CrossAttnDownBlock2D").ToArray();
        if (!config["up_block_types"].Texts().Reverse().Select(t => t == "CrossAttnUpBlock2D").SequenceEqual(attends))
            throw new NotCovered($"{config.Path}: levels that attend on one way only are not built here");
        return new(
            (int)config["in_channels"].Integer(),
            (int)config["out_channels"].Integer(),
            [.. config["block_out_channels"].Integers().Select(c => (int)c)],
            attends,
            (int)config["layers_per_block"].Integer(),
            (int)config["cross_attention_dim"].Integer(),
            (int)config["attention_head_dim"].Integer(),
            (int)(config.Find("transformer_layers_per_block")?.Integer() ?? 1),
            (int)(config.Find("norm_num_groups")?.Integer() ?? 32),
            config.Find("norm_eps")?.Number() ?? 1e-5
        );
    }

    private static readonly Dictionary<string, string> Built = new()
    {
        ["center_input_sample"] = "False",
        ["flip_sin_to_cos"] = "True",
        ["freq_shift"] = "0",
        ["act_fn"] = "silu",
        ["downsample_padding"] = "1",
        ["mid_block_scale_factor"] = "1",
        ["use_linear_projection"] = "False",
    };
}
