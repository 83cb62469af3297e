using DiMum.Data;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Runs;

/// <summary>Samples to look at: a row of images a class, or, where the data are points, a scatter plot of all.</summary>
/// <param name="points">Whether the data are points.</param>
/// <param name="mixture">The law of the points, where it is known.</param>
/// <param name="side">Height of an image.</param>
internal sealed class SampleSheet(bool points, GaussianMixture? mixture, int side)
{
    /// <param name="samples">float [N,C,H,W] as the denoiser sees them.</param>
    /// <param name="labels">Class of each.</param>
    /// <param name="columns">Images a class.</param>
    /// <param name="pixels">Height that an image is enlarged to, about.</param>
    /// <param name="path">The PNG file.</param>
    public void Write(Tensor samples, long[] labels, int columns, int pixels, string path)
    {
        if (points)
        {
            PointPlot.Write(samples, labels, mixture, path);
            return;
        }

        using var scope = NewDisposeScope();
        var chosen = labels
            .Select((label, i) => (label, i))
            .GroupBy(p => p.label)
            .OrderBy(g => g.Key)
            .SelectMany(g => g.Take(columns).Select(p => (long)p.i));
        var index = tensor(chosen.ToArray(), ScalarType.Int64, samples.device);
        ImageWriter.Grid(Pixels.ToBytes(samples.index_select(0, index)), columns, Math.Max(1, pixels / side), path);
    }
}
