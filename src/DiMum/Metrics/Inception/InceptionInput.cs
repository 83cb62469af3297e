using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace DiMum.Metrics.Inception;

/// <summary>The ways in which images reach Inception-v3; each is part of a number's identity.</summary>
public static class InceptionInput
{
    /// <summary>pytorch-fid's resize: bilinear between pixel centres, no anti-aliasing, [B,C,H,W] → [B,C,299,299].</summary>
    public static Tensor Bilinear(Tensor x) => Bilinear(x, InceptionV3.Side);

    /// <summary>The same to another side.</summary>
    public static Tensor Bilinear(Tensor x, long side) =>
        functional.interpolate(x, [side, side], mode: InterpolationMode.Bilinear, align_corners: false);

    /// <summary>TensorFlow 1's resize, as in guided-diffusion's graph: output pixel i lies at i·H/299, the corners' centres unmatched.</summary>
    public static Tensor TensorFlow(Tensor x)
    {
        using var scope = NewDisposeScope();
        var rows = Weights(x.shape[2], InceptionV3.Side, x); // [299,H]
        var columns = Weights(x.shape[3], InceptionV3.Side, x); // [299,W]
        return rows.matmul(x).matmul(columns.t()).MoveToOuterDisposeScope();
    }

    /// <summary>v ↦ 2v − 1: from [0,1] to [−1,1].</summary>
    public static Tensor Scale(Tensor unit) => unit * 2 - 1;

    // Row i mixes pixels ⌊i·n/side⌋ and the next (the last one repeated).
    private static Tensor Weights(long from, long to, Tensor like)
    {
        var matrix = new double[to * from];
        for (long i = 0; i < to; i++)
        {
            var at = (double)i * from / to;
            var low = (long)at;
            matrix[i * from + low] += 1 - (at - low);
            matrix[i * from + Math.Min(low + 1, from - 1)] += at - low;
        }

        return tensor(matrix, [to, from]).to(like.dtype).to(like.device);
    }
}
