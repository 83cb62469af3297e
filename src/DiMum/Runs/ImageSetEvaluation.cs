using DiMum.Data;
using DiMum.Diffusion;
using DiMum.Metrics;
using DiMum.Metrics.Inception;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Runs;

/// <summary>What <see cref="ImageSetEvaluation"/> compares, and how.</summary>
/// <param name="Samples">Folder, <c>.npz</c> of samples or of statistics.</param>
/// <param name="Reference">The same.</param>
/// <param name="Inception">Weights files, one a network; may be empty where both sides are statistics.</param>
/// <param name="Protocol">A protocol's name, or <c>all</c>.</param>
/// <param name="SkipUnreadable">Pass over files that can't be read, and count them.</param>
public sealed record ImageSetQuestion(
    string Samples,
    string Reference,
    IReadOnlyList<string> Inception,
    string Protocol,
    bool SkipUnreadable
);

/// <summary>FID and its relatives between two sets of images, by one protocol or by all that the weights at hand allow.</summary>
public static class ImageSetEvaluation
{
    private const string OtherWay =
        "; without them, 'dimum evaluate CHECKPOINT' gives the Fréchet distance on the features of a run's own classifier, under that name";

    /// <summary>The numbers, and what a reader should know beside them.</summary>
    /// <exception cref="UserError">No weights, no such protocol, or images that can't be compared.</exception>
    public static (IReadOnlyList<Measured> Numbers, IReadOnlyList<string> Notes) Run(
        ImageSetQuestion question,
        Device device,
        Action<string, long, long>? progress = null,
        CancellationToken cancel = default
    )
    {
        var protocols = Protocols(question.Protocol);
        if (FeatureStatistics.IsIn(question.Samples) && FeatureStatistics.IsIn(question.Reference))
            return (
                SetComparison.Frechet(
                    FeatureStatistics.Read(question.Samples),
                    FeatureStatistics.Read(question.Reference),
                    "given statistics"
                ),
                []
            );
        if (question.Inception.Count == 0)
            throw new UserError(InceptionWeights.Advice + OtherWay);
        var (numbers, notes) = (new List<Measured>(), new List<string>());
        var samples = Side(question.Samples, question.SkipUnreadable, notes);
        var reference = Side(question.Reference, question.SkipUnreadable, notes);
        var used = new HashSet<EvaluationProtocol>();
        foreach (var file in question.Inception)
        {
            var (network, identity) = InceptionWeights.Open(file, device);
            using var owned = network;
            foreach (var protocol in protocols.Where(p => p.Variant == network.Variant && used.Add(p)))
                numbers.AddRange(One(samples, reference, network, identity, protocol, device, progress, cancel));
        }

        foreach (var missing in protocols.Where(p => !used.Contains(p)))
            notes.Add($"protocol {missing.Name} needs the weights of {Network(missing.Variant)}: pass them as a further --inception PATH");
        return numbers.Count > 0 ? (numbers, notes) : throw new UserError($"{notes[^1]}. {InceptionWeights.Advice}");
    }

    private static IReadOnlyList<Measured> One(
        object samples,
        object reference,
        InceptionV3 network,
        string identity,
        EvaluationProtocol protocol,
        Device device,
        Action<string, long, long>? progress,
        CancellationToken cancel
    )
    {
        ImageSetFeatures? Read(object side, bool limited, string name) =>
            side is not ImageSet set
                ? null
                : ImageSetFeatures.Read(
                    limited && protocol.ReferenceOfEachClass > 0 ? set.FirstOfEachClass(protocol.ReferenceOfEachClass) : set,
                    network,
                    protocol,
                    device,
                    (done, all) => progress?.Invoke($"{protocol.Name}, {name}", done, all),
                    cancel
                );
        using var a = Read(samples, limited: false, "samples");
        using var b = Read(reference, limited: true, "reference");
        var how = $"{identity}; {protocol.Name}: {protocol.Text}";
        FeatureStatistics Statistics(object side, ImageSetFeatures? features) =>
            features is null ? (FeatureStatistics)side : FeatureStatistics.From(features);
        var numbers = SetComparison.Frechet(Statistics(samples, a), Statistics(reference, b), how);
        return a is null || b is null ? numbers : [.. numbers, .. SetComparison.Others(a, b, how, new Seed(0))];
    }

    private static object Side(string path, bool skipUnreadable, List<string> notes)
    {
        if (FeatureStatistics.IsIn(path))
            return FeatureStatistics.Read(path);
        var set = ImageSet.Open(path, skipUnreadable);
        notes.AddRange(set.Notes);
        if (set.Count < InceptionLayout.Features + 1)
            notes.Add(
                $"{set.Name}: {set.Count} images, fewer than the features' {InceptionLayout.Features} dimensions: FID is biased upwards, compare only at equal counts"
            );
        return set;
    }

    private static IReadOnlyList<EvaluationProtocol> Protocols(string name)
    {
        if (name == "all")
            return EvaluationProtocol.All;
        return EvaluationProtocol.All.FirstOrDefault(p => p.Name == name) is { } one
            ? [one]
            : throw new UserError($"--protocol {name}: expected all, {string.Join(", ", EvaluationProtocol.All.Select(p => p.Name))}");
    }

    private static string Network(InceptionVariant variant) =>
        variant == InceptionVariant.Fid ? "FID-Inception 2015-12-05" : "torchvision's inception_v3";
}
