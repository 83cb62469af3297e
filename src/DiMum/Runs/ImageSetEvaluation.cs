using DiMum.Data;
using DiMum.Diffusion;
using DiMum.Metrics;
using DiMum.Metrics.Inception;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Runs;

/// <summary>What <see cref="ImageSetEvaluation"/> compares, and how.</summary>
/// <param name="Samples">Folder of images, <c>.npz</c> of samples or of statistics, or a run folder for what its model draws.</param>
/// <param name="Reference">The same; a run folder for its real retained images.</param>
/// <param name="Protocol">A protocol's name, <c>all</c>, or <c>steps</c> for the released one taken apart.</param>
public sealed record ImageSetQuestion(string Samples, string Reference, string Protocol = "clean")
{
    /// <summary>Weights files, one a network; may be empty where both sides are statistics or a classifier is given.</summary>
    public IReadOnlyList<string> Inception { get; init; } = [];

    /// <summary>A run folder whose classifier's features to compare by.</summary>
    public string? Classifier { get; init; }

    /// <summary>Whose images, where the samples are a run folder: a method's label, or null for the pre-trained model.</summary>
    public string? Model { get; init; }

    /// <summary>Pass over files that can't be read, and count them.</summary>
    public bool SkipUnreadable { get; init; }

    /// <summary>Where features are kept; null for nowhere.</summary>
    public string? Cache { get; init; }
}

/// <summary>The numbers by one protocol on one network.</summary>
/// <param name="Protocol">Its name.</param>
/// <param name="Identity">Network, protocol and how much of the reference counts.</param>
/// <param name="Numbers">What was measured.</param>
public sealed record ProtocolNumbers(string Protocol, string Identity, IReadOnlyList<Measured> Numbers);

/// <summary>FID and its relatives between two sets of images, by one protocol or by all that the weights at hand allow.</summary>
public static class ImageSetEvaluation
{
    private const string OtherWay =
        "; or, without them, pass a run folder as --classifier RUN for the Fréchet distance on the features of that run's own classifier, under that name";

    /// <summary>The numbers, and what a reader should know beside them.</summary>
    /// <exception cref="UserError">No weights, no such protocol, or images that can't be compared.</exception>
    public static (IReadOnlyList<ProtocolNumbers> Answers, IReadOnlyList<string> Notes) Run(
        ImageSetQuestion question,
        Device device,
        Action<string, long, long>? progress = null,
        CancellationToken cancel = default
    )
    {
        var protocols = Protocols(question.Protocol);
        if (FeatureStatistics.IsIn(question.Samples) && FeatureStatistics.IsIn(question.Reference))
        {
            if (question.Protocol != "clean" || question.Inception.Count > 0 || question.Classifier is not null)
                throw new UserError(
                    "--protocol, --inception and --classifier say how images are measured, and both sides are statistics already; leave them out"
                );
            return Given(FeatureStatistics.Read(question.Samples), FeatureStatistics.Read(question.Reference));
        }

        if (question.Inception.Count == 0 && question.Classifier is null)
            throw new UserError(InceptionWeights.Advice + OtherWay);
        var (answers, notes, used) = (new List<ProtocolNumbers>(), new List<string>(), new HashSet<EvaluationProtocol>());
        using var sides = new ComparedSets(question, device, notes, progress, cancel);
        foreach (var open in Networks(question, device))
        {
            using var network = open();
            foreach (var protocol in protocols.Where(network.Takes))
            {
                used.Add(protocol);
                answers.Add(sides.By(network, protocol));
            }
        }

        foreach (var missing in protocols.Where(p => !used.Contains(p)))
            notes.Add(
                $"protocol {missing.Name} needs the weights of {InceptionWeights.Name(missing.Variant)}: pass them as a further --inception PATH"
            );
        return answers.Count > 0 ? (answers, notes) : throw new UserError(notes[^1]);
    }

    private static (IReadOnlyList<ProtocolNumbers>, IReadOnlyList<string>) Given(FeatureStatistics samples, FeatureStatistics reference)
    {
        const string given = "given statistics";
        var d = samples.Pool.Mean.Count;
        var notes =
            d == InceptionLayout.Features
                ? Array.Empty<string>()
                : [$"features of {d} dimensions are not FID's {InceptionLayout.Features}: the distance is named Fréchet-{d}"];
        var name = d == InceptionLayout.Features ? "FID" : $"Fréchet-{d}";
        return ([new("given", given, SetComparison.Frechet(samples, reference, given, name))], notes);
    }

    // One at a time: a network is gone before the next is read.
    private static IEnumerable<Func<IFeatureNetwork>> Networks(ImageSetQuestion question, Device device)
    {
        foreach (var file in question.Inception)
            yield return () =>
            {
                var (network, identity) = InceptionWeights.Open(file, device);
                return new InceptionNetwork(network, identity);
            };
        if (question.Classifier is { } run)
            yield return () => RunImages.Classifier(run);
    }

    private static IReadOnlyList<EvaluationProtocol> Protocols(string name)
    {
        if (name == "all")
            return EvaluationProtocol.All;
        if (name == "steps")
            return [EvaluationProtocol.Clean, .. EvaluationProtocol.Steps, EvaluationProtocol.AsReleased];
        var known = EvaluationProtocol.All.Concat(EvaluationProtocol.Steps).ToList();
        return known.FirstOrDefault(p => p.Name == name) is { } one
            ? [one]
            : throw new UserError($"--protocol {name}: expected all, steps, {string.Join(", ", known.Select(p => p.Name))}");
    }
}
