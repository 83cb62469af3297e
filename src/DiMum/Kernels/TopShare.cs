using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Kernels;

/// <summary>
/// The k largest of n float32 scores by radix selection: two counts over halves of the ordered bits find the threshold exactly, a third pass writes
/// the mask. −0 and 0 are equal; NaN stands above all; among equals at the threshold, lower indices come first.
/// </summary>
internal static class TopShare
{
    private const int Halves = 1 << 16;

    /// <summary>Whether the kernel takes the scores.</summary>
    public static bool Takes(Tensor score) =>
        NormSilu.Enabled
        && score.device_type == DeviceType.CPU
        && score.dtype == ScalarType.Float32
        && score.is_contiguous()
        && score.numel() is > 0 and < int.MaxValue / sizeof(float);

    /// <summary>float32 [n], 1 for the k largest and 0 else; 0 &lt; k ≤ n.</summary>
    public static Tensor Mask(Tensor score, long k)
    {
        var mask = empty_like(score);
        var (from, to) = (new Raw(score, ScalarType.Float32), new Raw(mask, ScalarType.Float32));
        var upper = Count(from, null);
        var room = k;
        var high = Bin(upper, ref room);
        var lower = Count(from, (uint)high);
        var threshold = ((uint)high << 16) | (uint)Bin(lower, ref room);
        Write(from, to, threshold, room);
        return mask;
    }

    /// <summary>Bits whose order as unsigned numbers is the order of the floats.</summary>
    private static uint Key(float value)
    {
        var bits = BitConverter.SingleToUInt32Bits(value);
        if (float.IsNaN(value))
            return uint.MaxValue;
        if (bits == 0x80000000)
            bits = 0;
        return (bits & 0x80000000) == 0 ? bits | 0x80000000 : ~bits;
    }

    // The bin, from above, in which number `room` lies; room becomes its number inside the bin.
    private static int Bin(long[] counts, ref long room)
    {
        var bin = counts.Length - 1;
        for (; counts[bin] < room; bin--)
            room -= counts[bin];
        return bin;
    }

    // How often each upper half occurs; with `high` given, each lower half under that upper one.
    private static long[] Count(Raw scores, uint? high)
    {
        var n = scores.Floats.Length;
        var parts = Math.Clamp(get_num_threads(), 1, Math.Max(1, n >> 16));
        var counts = new int[parts][];
        Threads.Each(
            parts,
            n / parts,
            part =>
            {
                var mine = counts[part] = new int[Halves];
                var (from, to) = ((int)((long)n * part / parts), (int)((long)n * (part + 1) / parts));
                if (high is not { } above)
                    foreach (var value in scores.Floats[from..to])
                        mine[Key(value) >> 16]++;
                else
                    foreach (var value in scores.Floats[from..to])
                        if (Key(value) is var key && key >> 16 == above)
                            mine[key & 0xffff]++;
            }
        );
        var sum = new long[Halves];
        foreach (var mine in counts)
            for (var i = 0; i < Halves; i++)
                sum[i] += mine[i];
        return sum;
    }

    private static void Write(Raw scores, Raw mask, uint threshold, long room)
    {
        var from = scores.Floats;
        var to = mask.Floats;
        for (var i = 0; i < from.Length; i++)
        {
            var key = Key(from[i]);
            var chosen = key > threshold || (key == threshold && room-- > 0);
            to[i] = chosen ? 1 : 0;
        }
    }
}
