using System.Globalization;
using System.Text.RegularExpressions;
using DiMum.Nets;
using DiMum.Optimization;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Verification.Cases;

/// <summary>Adam, step by step, on given gradients.</summary>
internal static partial class AdamCase
{
    public static void Run(CaseRun run)
    {
        var outputs = run.File.Outputs;
        var shapes = outputs["shapes"].Members().ToDictionary(m => m.Name, m => m.Node.Integers());
        var gradientRule = outputs["grad_rule"].Text();
        foreach (var one in outputs["runs"].Items())
        {
            using var scope = NewDisposeScope();
            using var parameters = Vector(run, shapes);
            run.LoadRule(parameters, RuleText.Name(outputs["param_rule"].Text()));
            var hyper = one["hyper"];
            var betas = hyper["betas"].Numbers();
            var decay = hyper.Find("weight_decay")?.Number() ?? 0;
            using var adam = new Adam(parameters, new(betas[0], betas[1], hyper["eps"].Number(), decay));
            foreach (var (step, k) in one["steps"].Items().Select((s, k) => (s, k)))
            {
                using (no_grad())
                    foreach (var p in parameters.Entries)
                        parameters.Slice(parameters.Gradient, p.Name).copy_(Gradient(run, gradientRule, k, p));
                adam.Step(hyper["lr"].Number());
                Step(run.Check, parameters, step);
            }
        }
    }

    private static void Step(Checker check, ParameterVector parameters, GoldenNode step)
    {
        foreach (var (name, want) in step.Members())
        {
            var values = Checker.Doubles(parameters[name].Value);
            if (want.Find("sum") is { } sum)
                check.Scalar(sum, values.Sum());
            if (want.Find("l2") is { } length)
                check.Scalar(length, Math.Sqrt(values.Sum(v => v * v)));
            if (want.Find("values") is { } all)
                check.Tensor(all, parameters[name].Value);
        }
    }

    private static Tensor Gradient(CaseRun run, string rule, int step, Parameter p)
    {
        var scale = RuleText.Scale(rule);
        foreach (Match exception in Exceptions().Matches(rule))
            if (exception.Groups[2].Value == p.Name)
                scale = double.Parse(exception.Groups[1].Value, CultureInfo.InvariantCulture);
        var name = FormattableString.Invariant($"{RuleText.Name(rule)}{step}.{p.Name}");
        return run.Tensor(ProceduralRule.Input(name, p.Count, scale), p.Shape);
    }

    private static ParameterVector Vector(CaseRun run, Dictionary<string, long[]> shapes)
    {
        var declarations = new ParameterDeclarations();
        foreach (var (name, shape) in shapes)
            declarations.Declare(name, Init.Zeros, shape);
        using var generator = new Generator(0, CPU);
        return new(declarations, run.Device, generator, run.Precision);
    }

    // «but 1e-8 for tinygrad.weight and 0 for zerograd.bias»
    [GeneratedRegex(@"(?:but|and) (\S+) for (\S+)")]
    private static partial Regex Exceptions();
}

/// <summary>The moving average of θ at several rates, and clipping at several norms.</summary>
internal static class EmaClipCase
{
    public static void Run(CaseRun run)
    {
        using var network = run.Network();
        var parameters = network.Parameters;
        using var initial = parameters.Snapshot();
        foreach (var part in run.File.Outputs["ema"].Items())
        {
            using var scope = NewDisposeScope();
            parameters.Load(initial);
            Average(run, parameters, part, Checker.Doubles(initial));
        }

        foreach (var part in run.File.Outputs["clip"].Items())
        {
            using var scope = NewDisposeScope();
            Clip(run, parameters, part);
        }
    }

    private static void Average(CaseRun run, ParameterVector parameters, GoldenNode part, double[] initial)
    {
        using var none = no_grad();
        using var ema = new Ema(parameters, part["mu"].Number());
        var rule = part["delta_rule"].Text();
        foreach (var (update, k) in part["updates"].Items().Select((u, k) => (u, k)))
        {
            foreach (var p in parameters.Entries)
            {
                var name = FormattableString.Invariant($"{RuleText.Name(rule)}{k}.{p.Name}");
                p.Value.add_(run.Tensor(ProceduralRule.Input(name, p.Count, RuleText.Scale(rule)), p.Shape));
            }

            ema.Update();
            run.Table(update["shadow"], parameters, ema.Shadow, initial);
            foreach (var (name, want) in update["small"].Members())
                run.Check.Tensor(want, parameters.Slice(ema.Shadow, name));
        }

        parameters.Load(ema.Shadow);
        run.Table(part["after_ema_copy_into_model"], parameters, parameters.Values, initial);
    }

    private static void Clip(CaseRun run, ParameterVector parameters, GoldenNode part)
    {
        const string after = "_after";
        using var none = no_grad();
        var rule = part["grad_rule"].Text();
        foreach (var p in parameters.Entries)
            parameters
                .Slice(parameters.Gradient, p.Name)
                .copy_(run.Tensor(ProceduralRule.Input(RuleText.Name(rule) + p.Name, p.Count, RuleText.Scale(rule)), p.Shape));
        run.Check.Scalar(part["total_norm_before"], GradientTransform.Clip(parameters.Gradient, part["max_norm"].Number()));
        run.Table(part["grads_after"], parameters, parameters.Gradient);
        foreach (var (name, want) in part.Members())
            if (
                name.EndsWith(after, StringComparison.Ordinal)
                && parameters.Entries.FirstOrDefault(p => p.Name.Replace('.', '_') == name[..^after.Length]) is { } small
            )
                run.Check.Tensor(want, parameters.Slice(parameters.Gradient, small.Name));
    }
}

/// <summary>What files say in words about their inputs: «inp('pub.adam.grad.'+k+'.'+NAME, shape, scale 1.0)», «… factor [1.0, 0.5]».</summary>
internal static partial class RuleText
{
    /// <summary>The quoted beginning of the names.</summary>
    public static string Name(string text) => First(NamePattern(), text);

    /// <summary>The number after the last «scale».</summary>
    public static double Scale(string text) =>
        Number(ScalePattern().Matches(text) is [.., var last] ? last.Groups[1].Value : throw Unreadable(text));

    /// <summary>The first list in brackets that holds numbers.</summary>
    public static double[] Factors(string text) => [.. First(ListPattern(), text).Split(',').Select(Number)];

    private static string First(Regex pattern, string text) =>
        pattern.Match(text) is { Success: true } m ? m.Groups[1].Value : throw Unreadable(text);

    private static double Number(string text) => double.Parse(text, CultureInfo.InvariantCulture);

    private static NotCovered Unreadable(string text) => new($"can't read the rule '{text}'");

    [GeneratedRegex(@"\('([^']*)'\s*\+")]
    private static partial Regex NamePattern();

    [GeneratedRegex(@"scale\s+(\d[\d.eE+-]*)")]
    private static partial Regex ScalePattern();

    [GeneratedRegex(@"\[(\s*\d[\d.eE+\-,\s]*)\]")]
    private static partial Regex ListPattern();
}
