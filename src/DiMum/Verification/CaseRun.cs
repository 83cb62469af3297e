using DiMum.Diffusion;
using DiMum.Nets;
using static TorchSharp.torch;

namespace DiMum.Verification;

/// <summary>One case at work: the file, the comparisons, and where to compute.</summary>
internal sealed record CaseRun(GoldenFile File, Checker Check, Device Device, ScalarType Precision, Action<ParameterVector>? Disturb)
{
    /// <summary>The file's network, at the weights of the rule.</summary>
    public ClassConditionalUNet Network()
    {
        var network = NetworkOf(File.ModelData);
        network.Training = false;
        LoadRule(network.Parameters);
        Disturb?.Invoke(network.Parameters);
        if (File.Root.Find("param_names") is not { } names)
            return network;
        Check.Require(
            names.Texts().SequenceEqual(network.Parameters.Entries.Select(p => p.Name)),
            names.Path,
            "the network's parameters have other names or another order"
        );
        if (File.Root.Find("param_numel") is { } sizes)
            Check.Numbers(sizes, [.. network.Parameters.Entries.Select(p => (double)p.Count)]);
        return network;
    }

    /// <summary>Names of the columns' rows: the file's list of parameters.</summary>
    public IReadOnlyList<string> ParameterNames => File.Root["param_names"].Texts();

    /// <summary>Compares a table of the file with a flat vector.</summary>
    public void Table(GoldenNode want, ParameterVector parameters, Tensor flat, double[]? initial = null) =>
        Check.Table(want, new ParameterTable(parameters, ParameterNames, flat, initial));

    /// <summary>β_t by the file's configuration.</summary>
    public NoiseSchedule Schedule()
    {
        // Loops around a latent model give no schedule: it is Stable Diffusion's.
        if (File.ModelData.Find("diffusion") is not { } diffusion)
            return NoiseSchedule.ScaledLinear(1000, 0.00085, 0.012);
        return Schedules.Of(
            diffusion["beta_schedule"].Text(),
            (int)diffusion["num_diffusion_timesteps"].Integer(),
            diffusion["beta_start"].Number(),
            diffusion["beta_end"].Number()
        );
    }

    /// <summary>An input of the file by its rule; images in [0,1] stay so.</summary>
    public Tensor Input(GoldenNode input)
    {
        var (name, shape) = (input["name"].Text(), input["shape"].Integers());
        var count = shape.Aggregate(1L, (product, n) => product * n);
        var rule = input["rule"].Text();
        return Tensor(
            rule switch
            {
                "inp" => ProceduralRule.Input(name, count, input.Find("scale")?.Number() ?? 1),
                "noise" => ProceduralRule.Noise(name, count),
                "img01" => ProceduralRule.Image01(name, count),
                _ => throw new NotCovered($"{input.Path}: inputs of the rule '{rule}' are unknown here"),
            },
            shape
        );
    }

    /// <summary>Values in the run's precision, on its device.</summary>
    public Tensor Tensor(float[] values, params long[] shape)
    {
        using var cpu = tensor(values, shape, ScalarType.Float32);
        return cpu.to(Precision, copy: true).to(Device);
    }

    /// <summary>Labels or times, int64.</summary>
    public Tensor Tensor(long[] values) => tensor(values, ScalarType.Int64).to(Device);

    /// <summary>The file's conditions with those kept that <paramref name="keep"/> says; null keeps all.</summary>
    public Condition Condition(long[] labels, bool[]? keep) => new(Tensor(labels), keep is null ? null : tensor(keep).to(Device));

    /// <summary>All parameters of a vector by the rule.</summary>
    public void LoadRule(ParameterVector parameters, string prefix = "")
    {
        using var scope = NewDisposeScope();
        var flat = new float[parameters.Count];
        foreach (var p in parameters.Entries)
            ProceduralRule.Parameter(prefix + p.Name, p.Shape).CopyTo(flat, p.Offset);
        parameters.Load(Tensor(flat, parameters.Count));
    }

    private ClassConditionalUNet NetworkOf(GoldenNode modelData)
    {
        var (data, model) = (modelData["data"], modelData["model"]);
        foreach (var (name, wanted) in new[] { ("resamp_with_conv", true) })
            if (model.Find(name) is { } option && option.Flag() != wanted)
                throw new NotCovered($"{option.Path}: only {wanted} is built here");
        var channels = data["channels"].Integer();
        if (model["in_channels"].Integer() != channels || model["out_ch"].Integer() != channels)
            throw new NotCovered($"{model.Path}: as many channels in as out are built here");
        var config = new UNetConfig(
            Classes: (int)data["n_classes"].Integer(),
            ImageSize: (int)data["image_size"].Integer(),
            ImageChannels: (int)channels,
            Channels: (int)model["ch"].Integer(),
            Multipliers: [.. model["ch_mult"].Integers().Select(m => (int)m)],
            ResBlocks: (int)model["num_res_blocks"].Integer(),
            AttentionResolutions: [.. model["attn_resolutions"].Integers().Select(r => (int)r)],
            Dropout: model.Find("dropout")?.Number() ?? 0
        );
        using var generator = new Generator(0, CPU);
        return new(config, Device, generator, Precision);
    }
}

/// <summary>The schedules under the names of the released code.</summary>
internal static class Schedules
{
    public static NoiseSchedule Of(string name, int steps, double start, double end) =>
        name switch
        {
            "linear" => NoiseSchedule.Linear(steps, start, end),
            "quad" => NoiseSchedule.ScaledLinear(steps, start, end),
            "const" => NoiseSchedule.Constant(steps, end),
            "jsd" => NoiseSchedule.Jsd(steps),
            "sigmoid" => NoiseSchedule.Sigmoid(steps, start, end),
            _ => throw new NotCovered($"the schedule '{name}' is unknown here"),
        };
}
