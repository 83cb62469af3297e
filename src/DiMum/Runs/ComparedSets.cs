using DiMum.Data;
using DiMum.Diffusion;
using DiMum.Metrics.Inception;
using TorchSharp;

namespace DiMum.Runs;

/// <summary>The two sides of a comparison, opened once and read by as many networks and protocols as are asked for.</summary>
internal sealed class ComparedSets : IDisposable
{
    private readonly torch.Device device;
    private readonly List<string> notes;
    private readonly Action<string, long, long>? progress;
    private readonly CancellationToken cancel;
    private readonly FeatureCache? cache;
    private readonly bool inception; // the classifier's features are few
    private readonly object samples; // an ImageSet, or FeatureStatistics
    private readonly object reference;

    public ComparedSets(
        ImageSetQuestion question,
        torch.Device device,
        List<string> notes,
        Action<string, long, long>? progress,
        CancellationToken cancel
    )
    {
        (this.device, this.notes, this.progress, this.cancel) = (device, notes, progress, cancel);
        inception = question.Inception.Count > 0;
        cache = question.Cache is { } folder ? new(folder) : null;
        samples = Open(question.Samples, question.SkipUnreadable, path => RunImages.Samples(path, question.Model, cancel));
        reference = Open(question.Reference, question.SkipUnreadable, RunImages.Retain);
    }

    /// <summary>All numbers on one network by one protocol.</summary>
    public ProtocolNumbers By(IFeatureNetwork network, EvaluationProtocol protocol)
    {
        var counted =
            reference is ImageSet all && protocol.ReferenceOfEachClass > 0
                ? all.FirstOfEachClass(protocol.ReferenceOfEachClass)
                : reference;
        if (reference is ImageSet whole && protocol.ReferenceOfEachClass > 0 && ((ImageSet)counted).Count == whole.Count)
            Note(
                $"protocol {protocol.Name} takes the first {protocol.ReferenceOfEachClass} reference images of each class; {whole.Name} has no class folders or no more than that, so all {whole.Count} count"
            );
        using var a = Features(samples, network, protocol, "samples");
        using var b = Features(counted, network, protocol, "reference");
        var identity = $"{network.Identity}; {Protocol(network, protocol, counted)}";
        NativeHeap.GiveBack(); // what follows are few large matrices, of other sizes than what a pass leaves free
        try
        {
            return Compared(network, protocol, identity, counted, a, b);
        }
        finally
        {
            NativeHeap.Keep();
            if (counted != reference)
                (counted as IDisposable)?.Dispose();
        }
    }

    private ProtocolNumbers Compared(
        IFeatureNetwork network,
        EvaluationProtocol protocol,
        string identity,
        object counted,
        ImageSetFeatures? a,
        ImageSetFeatures? b
    )
    {
        var distances = SetComparison.Frechet(Statistics(samples, a), Statistics(counted, b), identity, network.Distance);
        if (a is null || b is null)
            return new(protocol.Name, identity, distances);
        var others = SetComparison.Others(a, b, identity, new Seed(0), network.Prefix, network.HasScore);
        return new(protocol.Name, identity, [.. distances, .. others]);
    }

    public void Dispose()
    {
        (samples as IDisposable)?.Dispose();
        (reference as IDisposable)?.Dispose();
    }

    private string Protocol(IFeatureNetwork network, EvaluationProtocol protocol, object counted) =>
        counted is ImageSet set
            ? $"{protocol.IdentityWith(network.InputOf(protocol), set.Count, ((ImageSet)reference).Count)}; reference {set.Hash}"
            : $"{protocol.Name}: {protocol.Treatment}; {network.InputOf(protocol)}; reference of unstated size";

    private void Note(string note)
    {
        if (!notes.Contains(note))
            notes.Add(note);
    }

    private ImageSetFeatures? Features(object side, IFeatureNetwork network, EvaluationProtocol protocol, string name)
    {
        if (side is not ImageSet set)
            return null;
        ImageSetFeatures Read() =>
            ImageSetFeatures.Read(
                set,
                network,
                protocol,
                device,
                (done, all) => progress?.Invoke($"{protocol.Name}, {name}", done, all),
                cancel
            );
        return cache is null ? Read() : cache.Get(set, network, protocol, device, Read, notes.Add);
    }

    private static FeatureStatistics Statistics(object side, ImageSetFeatures? features) =>
        features is null ? (FeatureStatistics)side : FeatureStatistics.From(features);

    private object Open(string path, bool skipUnreadable, Func<string, ImageSet> run)
    {
        if (FeatureStatistics.IsIn(path))
            return FeatureStatistics.Read(path);
        var set = RunImages.IsRun(path) ? run(path) : ImageSet.Open(path, skipUnreadable);
        notes.AddRange(set.Notes);
        if (inception && set.Count < InceptionLayout.Features + 1)
            Note(
                $"{set.Name}: {set.Count} images, fewer than Inception's {InceptionLayout.Features} dimensions: FID is biased upwards, compare only at equal counts"
            );
        return set;
    }
}
