using DiMum.Data;
using DiMum.Diffusion;
using DiMum.Unlearning;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Verification;

/// <summary>
/// Batches as a file lists them: step k takes the k-th batch of the pairing's name (in a circle), with times, noise and dropped conditions from
/// the listed draws, in the order in which they happened.
/// </summary>
/// <param name="run">The file.</param>
/// <param name="script">Its events.</param>
/// <param name="schedule">For T.</param>
/// <param name="dropProbability">Of conditions for which the file lists no choice.</param>
/// <param name="loader">With the first batch at every step, or in a circle.</param>
internal sealed class ScriptedBatches(
    CaseRun run,
    EventScript script,
    NoiseSchedule schedule,
    double dropProbability,
    Loader loader = Loader.Shuffled
) : IBatchSource
{
    /// <summary>Steps after which all pairings begin at their first batch again; null: each in its own circle.</summary>
    public int? Period { get; init; }

    /// <summary>The batch drawn last; alive as long as its step.</summary>
    public NoisedBatch? Last { get; private set; }

    /// <inheritdoc/>
    public NoisedBatch Next(Pairing pairing, int step) => Noised(Input(pairing, step), drops: true);

    /// <inheritdoc/>
    public IEnumerable<NoisedBatch> Pass(Pairing pairing)
    {
        foreach (var input in Inputs(run.File, pairing.Name))
            yield return Noised(input, drops: false);
    }

    /// <inheritdoc/>
    public int PassLength(Pairing pairing) => Inputs(run.File, pairing.Name).Count;

    /// <inheritdoc/>
    public Condition Conditions(Pairing pairing, int step) => new(run.Tensor(Input(pairing, step)["labels"].Integers()));

    /// <inheritdoc/>
    public Condition Redrop(Condition condition, string purpose, int step) => condition.Keeping(Keep(condition.Value.shape[0]));

    /// <summary>A pairing that stands for the file's batches «role.0», «role.1», …: the first of the roles that the file has.</summary>
    public static Pairing Role(GoldenFile file, params string[] roles)
    {
        var role = roles.FirstOrDefault(r => Inputs(file, r).Count > 0) ?? roles[0];
        return Pairing.Of(role, zeros(1, 1, 1, 1, ScalarType.Byte), zeros(1, ScalarType.Int64));
    }

    private static IReadOnlyList<GoldenNode> Inputs(GoldenFile file, string role)
    {
        bool IsOf(string name) =>
            name.StartsWith($"{file.Prefix}{role}.", StringComparison.Ordinal)
            && int.TryParse(name[(file.Prefix.Length + role.Length + 1)..], out _);
        return [.. file.Inputs.Where(i => IsOf(i["name"].Text()))];
    }

    private GoldenNode Input(Pairing pairing, int step)
    {
        var inputs = Inputs(run.File, pairing.Name);
        return inputs[loader == Loader.FirstBatch ? 0 : (Period is { } n ? step % n : step) % inputs.Count];
    }

    // Some loops draw the times first, and some draw times before them that they don't use.
    private NoisedBatch Noised(GoldenNode input, bool drops)
    {
        using var scope = NewDisposeScope();
        var labels = input["labels"].Integers();
        GoldenNode? early = null;
        while (script.NextDrawKind == "randint")
            early = script.Draw("randint").Use();
        var noise = script.Draw("noise").Use();
        var time = early ?? script.Draw("randint").Use();
        if (time["low"].Integer() != 0 || time["high"].Integer() != schedule.Steps)
            throw new Mismatch($"{time.Path}: expected times in 0…{schedule.Steps - 1}");
        var (name, shape) = (noise["name"].Text(), noise["shape"].Integers());
        var clean = ToModel(input);
        if (!clean.shape.SequenceEqual(shape))
            throw new Mismatch($"{noise.Path}: noise of shape [{string.Join(',', shape)}] on images [{string.Join(',', clean.shape)}]");
        var half = run.Tensor(time["values"].Integers());
        return Last = new NoisedBatch(
            clean,
            new Condition(run.Tensor(labels), drops ? Keep(labels.Length) : null),
            Timesteps.Complete(half, labels.Length, schedule.Steps),
            run.Tensor(ProceduralRule.Noise(name, clean.numel()), shape)
        ).MoveToOuterDisposeScope();
    }

    private Tensor ToModel(GoldenNode input)
    {
        if (input["rule"].Text() != "img01")
            return run.Input(input);
        if (run.File.ModelData["data"].Find("rescaled")?.Flag() != true)
            throw new NotCovered($"{input.Path}: only images rescaled to [-1, 1] are known here");
        return run.Input(input) * 2 - 1;
    }

    private Tensor? Keep(long count)
    {
        var keep =
            script.NextDrawKind == "keep_mask"
                ? script.Draw("keep_mask").Use()["keep"].Flags()
                : Cases.Dropping.Without(dropProbability, (int)count, "events");
        return keep is null ? null : tensor(keep).to(run.Device);
    }
}
