using DiMum.Data;
using DiMum.Diffusion;
using DiMum.Nets;
using DiMum.Unlearning;
using DiMum.Unlearning.Methods;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Verification.Cases;

/// <summary>
/// UnlearnCanvas' loops around a class-conditional network: no condition is dropped, no gradient is clipped, every step reads the first batches,
/// and the network's attention stands for the cross-attention (<c>attn2</c>) that the programs look for.
/// </summary>
internal static class CanvasCase
{
    public static void SalUn(CaseRun run) =>
        Loop(
                run,
                (loop, hyper) =>
                    new SalUn(new(hyper["alpha"].Number(), 1), null, Guidance.None)
                    {
                        Read = SalUnReading.Of(MethodReading.AsReleasedInUnlearnCanvas),
                    }.Prepare(loop.Context),
                passes: _ => 1
            )
            .Dispose();

    public static void EraseDiff(CaseRun run) =>
        Loop(
                run,
                (loop, hyper) =>
                    new EraseDiff(new(1, hyper["alpha"].Number()), (int)hyper["K_steps"].Integer())
                    {
                        Loop = EraseDiffLoop.Of(MethodReading.AsReleasedInUnlearnCanvas),
                    }.Prepare(loop.Context),
                passes: hyper => (int)hyper["K_steps"].Integer()
            )
            .Dispose();

    public static void Scissorhands(CaseRun run) =>
        Loop(
                run,
                (loop, hyper) =>
                {
                    var sparsity = hyper["sparsity"].Number();
                    var method = new Scissorhands(
                        new(1, hyper["alpha"].Number()),
                        sparsity,
                        (int)hyper["prune_num"].Integer(),
                        (int)hyper["memory_num"].Integer(),
                        ProjectEvery: hyper["project"].Flag() ? 10 : 0
                    )
                    {
                        Read = ScissorhandsReading.Of(MethodReading.AsReleasedInUnlearnCanvas),
                        Trimmed = Attention,
                    };
                    run.File.Outputs.Find("project")?.Use();
                    Trim(run, loop, method, sparsity);
                    return method.Repair(loop.Context);
                },
                passes: _ => 1
            )
            .Dispose();

    /// <summary>The mask that is never applied.</summary>
    public static void Mask(CaseRun run)
    {
        Tensor? sum = null;
        var hyper = Hyper(run);
        var guidance = Guidance.ByWeight(hyper["c_guidance"].Number());
        using var network = Loop(
            run,
            (loop, _) => DriftingMask.Rule(loop.Context, guidance, sum = zeros_like(loop.Context.Model.Parameters.Values)),
            passes: _ => 1,
            guidance
        );
        var ones = MaskCase.Ones(network.Parameters, DriftingMask.Mask(sum!, hyper["threshold"].Number()));
        run.Check.Counts(run.File.Outputs["ones_per_param"], ones);
    }

    private sealed record Parts(UnlearningContext Context, StepWatch Watch, EventScript Script, double[] Initial);

    private static ParameterSelection Attention { get; } = new("attention", name => name.Contains("attn", StringComparison.Ordinal));

    // Returns the network as the loop leaves it; the caller disposes it.
    private static ClassConditionalUNet Loop(
        CaseRun run,
        Func<Parts, GoldenNode, IUpdateRule> prepare,
        Func<GoldenNode, int> passes,
        Guidance? guidedLoss = null
    )
    {
        var network = run.Network();
        if (network.Config.Dropout > 0)
            throw new NotCovered("loops with dropout can't be repeated: no two frameworks draw it alike");
        var hyper = Hyper(run);
        var parts = Assemble(run, network, hyper, guidedLoss);
        var epochs = (int)(hyper.Find("epochs")?.Integer() ?? 1);
        var iterations = epochs * passes(hyper) * parts.Context.Batches.PassLength(parts.Context.Forget);
        parts = parts with { Context = parts.Context with { Iterations = iterations } };
        EraseDiffCase.Train(parts.Watch, parts.Context, prepare(parts, hyper), StepCase.Settings(run, hyper, iterations));
        if (run.File.Outputs.Find("mask_has_no_effect") is { } unmasked)
            MovedOutside(run, network, unmasked["elements_with_mask_0_that_moved"], parts.Initial);
        return network;
    }

    private static Parts Assemble(CaseRun run, ClassConditionalUNet network, GoldenNode hyper, Guidance? guidedLoss = null)
    {
        var (schedule, script) = (run.Schedule(), new EventScript(run.File.Outputs["events"]));
        var batches = new ScriptedBatches(run, script, schedule, dropProbability: 0, Loader.FirstBatch);
        var (initial, selected) = (Checker.Doubles(network.Parameters.Values), Selection(hyper).Mask(network.Parameters));
        var watch = new StepWatch(run, script, batches, network.Parameters, initial) { GuidedLoss = guidedLoss, Selected = selected };
        var context = StepCase.Context(run.File, watch, network, schedule, batches, double.PositiveInfinity);
        return new(context with { Selected = selected }, watch, script, initial);
    }

    private static GoldenNode Hyper(CaseRun run)
    {
        var hyper = run.File.Hyper ?? throw new NotCovered("the file has no settings (config/hyper)");
        hyper.Find("label")?.Use();
        hyper.Find("batch")?.Use();
        return hyper;
    }

    // The programs' train_method, on names in which every attention is a cross-attention.
    private static ParameterSelection Selection(GoldenNode hyper) =>
        hyper.Find("train_method")?.Text() switch
        {
            null or "full" or "notime" => ParameterSelection.All,
            "xattn" => Attention,
            "noxattn" => new("no attention", name => !Attention.Includes(name)),
            var other => throw new NotCovered($"the choice of weights '{other}' is unknown here"),
        };

    private static void Trim(CaseRun run, Parts loop, Scissorhands method, double sparsity)
    {
        using var scope = NewDisposeScope();
        var parameters = loop.Context.Model.Parameters;
        var (mask, threshold) = Unlearning.Methods.Scissorhands.Marked(method.Saliency(loop.Context), sparsity);
        if (loop.Script.Take("snip_threshold", run.Check) is { } at)
        {
            run.Check.Number(at.Node["n"], parameters.Count);
            run.Check.Number(at.Node["k"], (long)(sparsity * parameters.Count));
            run.Check.Scalar(at.Node["threshold"], threshold);
            run.Check.Counts(at.Node["selected"], [mask.sum().ToInt64()]);
        }

        method.Trim(parameters, MaskInDouble(run, method, sparsity).to(mask), p => Fresh(run, loop.Script, p));
        if (loop.Script.Take("after_snip_reinit", run.Check) is { } after)
            run.Table(after.Node["table"], parameters, parameters.Values, loop.Initial);
    }

    // Which of two weights at the threshold is marked hangs on the last bits; the file's tolerances hold where float64 decides.
    private static Tensor MaskInDouble(CaseRun run, Scissorhands method, double sparsity)
    {
        using var scope = NewDisposeScope();
        var precise = run with { Precision = ScalarType.Float64 };
        using var network = precise.Network();
        var loop = Assemble(precise, network, Hyper(run));
        return Unlearning.Methods.Scissorhands.Marked(method.Saliency(loop.Context), sparsity).Mask.MoveToOuterDisposeScope();
    }

    // 0.02·√2·s for what the file draws; biases are not drawn and become 0.
    private static Tensor Fresh(CaseRun run, EventScript script, Parameter p)
    {
        if (p.Name.Contains("bias", StringComparison.Ordinal))
            return zeros(p.Shape);
        var draw = script.Draw("reinit").Use();
        if (!draw["shape"].Integers().SequenceEqual(p.Shape))
            throw new Mismatch($"{draw.Path}: new values of shape [{string.Join(',', draw["shape"].Integers())}] for {p.Name}");
        return run.Tensor(ProceduralRule.Input(draw["name"].Text(), p.Count, 0.02 * Math.Sqrt(2)), p.Shape);
    }

    private static void MovedOutside(CaseRun run, ClassConditionalUNet network, GoldenNode want, double[] initial)
    {
        var parameters = network.Parameters;
        var now = Checker.Doubles(parameters.Values);
        var mask = parameters.Entries.SelectMany(p => ProceduralRule.Mask(p.Name, p.Count));
        run.Check.Counts(want, [mask.Select((inside, i) => inside == 0 && now[i] != initial[i]).LongCount(moved => moved)]);
    }
}
