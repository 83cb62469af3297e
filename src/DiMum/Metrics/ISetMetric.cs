using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Metrics;

/// <summary>
/// A number measured on what a network says of generated images, one row an image, beside the rows of a reference. Write one of these to hold a
/// metric of your own to the laws of the conformance kit.
/// </summary>
public interface ISetMetric
{
    /// <summary>Short name, for tables.</summary>
    string Name { get; }

    /// <summary>Where it was taken from: paper, or repository and commit.</summary>
    string Source { get; }

    /// <summary>The number. Its rows are not changed, and no tensor is left.</summary>
    /// <param name="generated">Rows of any floating type, [n,d].</param>
    /// <param name="reference">Rows of the reference, [m,d]; not read by metrics of the generated images alone.</param>
    double Of(Tensor generated, Tensor reference);
}

/// <summary>Fréchet distance of the rows' Gaussians; on FID-Inception features this is FID.</summary>
public sealed record FrechetMetric : ISetMetric
{
    public string Name => "Fréchet distance";
    public string Source => "Heusel et al. 2017, Eq. (6); mseitzer/pytorch-fid@b9c1811";

    public double Of(Tensor generated, Tensor reference)
    {
        var moments = Moments(generated);
        return new Frechet(Moments(reference)).To(moments.Mean, moments.Covariance);
    }

    private static FeatureMoments Moments(Tensor rows)
    {
        var moments = new FeatureMoments((int)rows.shape[1]);
        moments.Add(rows);
        return moments;
    }
}

/// <summary>KID: the unbiased estimate of MMD² under the cubic kernel, over all rows at once.</summary>
public sealed record KernelMetric : ISetMetric
{
    public string Name => "KID";
    public string Source => "Bińkowski et al. 2018; toshas/torch-fidelity@5e211a9";

    public double Of(Tensor generated, Tensor reference) => KernelDistance.Unbiased(generated, reference);
}

/// <summary>MMD² with the pairs i = j included: zero on itself and never negative.</summary>
public sealed record BiasedKernelMetric : ISetMetric
{
    public string Name => "KID, biased";
    public string Source => "Gretton et al. 2012, Eq. (5)";

    public double Of(Tensor generated, Tensor reference) => KernelDistance.Biased(generated, reference);
}

/// <summary>The share of generated rows on the reference's manifold.</summary>
/// <param name="K">Which neighbour.</param>
public sealed record PrecisionMetric(int K = 3) : ISetMetric
{
    public string Name => "precision";
    public string Source => "Kynkäänniemi et al. 2019; openai/guided-diffusion@22e0df8";

    public double Of(Tensor generated, Tensor reference)
    {
        using var scope = NewDisposeScope();
        return (double)Manifold.Of(reference, K).Covers(generated) / generated.shape[0];
    }
}

/// <summary>The share of reference rows on the generated ones' manifold.</summary>
/// <param name="K">Which neighbour.</param>
public sealed record RecallMetric(int K = 3) : ISetMetric
{
    public string Name => "recall";
    public string Source => "Kynkäänniemi et al. 2019; openai/guided-diffusion@22e0df8";

    public double Of(Tensor generated, Tensor reference) => new PrecisionMetric(K).Of(reference, generated);
}

/// <summary>Inception Score of logits, one split; the reference is not read.</summary>
public sealed record InceptionScoreMetric : ISetMetric
{
    public string Name => "IS";
    public string Source => "Salimans et al. 2016; toshas/torch-fidelity@5e211a9";

    public double Of(Tensor generated, Tensor reference)
    {
        var score = InceptionScore.InSplits(generated.shape[0], 1);
        score.Add(generated);
        return score.Result.Mean;
    }
}

/// <summary>AR: the share of rows of logits whose highest is the class's; the reference is not read.</summary>
/// <param name="Class">The class.</param>
public sealed record ClassShareMetric(int Class = 0) : ISetMetric
{
    public string Name => "AR";
    public string Source => "Tables I–IV";

    public double Of(Tensor generated, Tensor reference)
    {
        using var scope = NewDisposeScope();
        var count = generated.argmax(1).eq(Class).sum().item<long>();
        return AccuracyRate.Of(count, generated.shape[0], "AR", "rows").Value;
    }
}
