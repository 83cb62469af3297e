using DiMum.Metrics.Inception;

namespace DiMum.Verification.Cases;

/// <summary>Names, shapes and order of the tensors in the weights files of both networks, and which layer sFID's is.</summary>
internal static class InceptionManifestCase
{
    private const string TensorFlowSpatial = "mixed_6/conv/conv2d_params";

    public static void Run(CaseRun run)
    {
        var root = run.File.Root;
        var variants = new[]
        {
            ("fid_inception", InceptionVariant.Fid, 1008L),
            ("torchvision_inception_v3", InceptionVariant.Torchvision, 1000L),
        };
        foreach (var (name, variant, classes) in variants)
            if (root.Find(name) is { } manifest)
                Manifest(run.Check, manifest, [.. InceptionLayout.Tensors(variant, classes)]);
        if (root.Find("tf_to_torchvision_names") is not { } names)
            return;
        var known = InceptionLayout.Tensors(InceptionVariant.Fid, 1008).Select(t => t.Name).ToList();
        foreach (var pair in names.Items())
        {
            var (theirs, ours) = (pair.Items()[0].Text(), pair.Items()[1].Text());
            run.Check.Require(
                known.Any(k => k == ours || k.StartsWith(ours + ".", StringComparison.Ordinal)),
                pair.Path,
                $"no layer '{ours}' here"
            );
            if (theirs == TensorFlowSpatial)
                run.Check.Require(
                    ours == InceptionLayout.SpatialLayer + ".conv",
                    pair.Path,
                    $"sFID's layer is {InceptionLayout.SpatialLayer} here"
                );
        }
    }

    private static void Manifest(Checker check, GoldenNode manifest, List<(string Name, long[] Shape)> ours)
    {
        var counts = manifest["counts"];
        bool Counted((string Name, long[] Shape) t) => !t.Name.EndsWith("num_batches_tracked", StringComparison.Ordinal);
        check.Number(counts["tensors"], ours.Count);
        check.Number(counts["tensors_without_num_batches_tracked"], ours.Count(Counted));
        check.Number(
            counts["elements_without_num_batches_tracked"],
            ours.Where(Counted).Sum(t => t.Shape.Aggregate(1L, (product, n) => product * n))
        );
        foreach (var (entry, (name, shape)) in manifest["tensors"].Items().Zip(ours))
        {
            var parts = entry.Items();
            var (theirName, theirShape) = (parts[0].Text(), parts[1].Integers());
            check.Require(
                name == theirName && shape.SequenceEqual(theirShape),
                entry.Path,
                $"got {name} [{string.Join(',', shape)}], expected {theirName} [{string.Join(',', theirShape)}]"
            );
        }
    }
}
