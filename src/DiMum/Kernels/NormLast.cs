using System.Buffers;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Kernels;

/// <summary>
/// The layout [B,H,W,C] under the shape [B,C,H,W], «channels last», where oneDNN's bfloat16 convolutions are fastest; and GN, SiLU and dropout in it as
/// one kernel on CPU.
/// </summary>
internal static class NormLast
{
    private static readonly object Missing = new(); // stands for no shift among the inputs of the node

    /// <summary>x in that layout, where it is in it itself.</summary>
    public static Tensor Layout(Tensor x) => IsLast(x) ? x : x.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2);

    /// <summary>Whether the kernel takes x: the layout, 16 dividing C, float32 or bfloat16 on CPU.</summary>
    public static bool Takes(Tensor x) => NormSilu.Takes(x) && x.shape.Length == 4 && x.shape[1] % Lanes.Count == 0 && IsLast(x);

    /// <summary>Dropout(SiLU(GN(x + e))) in x's precision, or in float32; differentiable once in x, weight, bias and e.</summary>
    /// <param name="x">[B,C,H,W], channels last.</param>
    /// <param name="groups">Divides C.</param>
    /// <param name="weight">float32 [C].</param>
    /// <param name="bias">float32 [C].</param>
    /// <param name="shift">e, float32 or x's precision [B,C]; null for none.</param>
    /// <param name="epsilon">Added to the variance.</param>
    /// <param name="after">What follows.</param>
    /// <param name="toFloat">Whether the result is float32 whatever x is.</param>
    public static Tensor Apply(
        Tensor x,
        long groups,
        Tensor weight,
        Tensor bias,
        Tensor? shift,
        double epsilon,
        NormAfter after,
        bool toFloat = false
    )
    {
        var (n, own) = (x.shape, x.dtype);
        if (
            n.Length != 4
            || own is not (ScalarType.Float32 or ScalarType.BFloat16)
            || n[1] % Lanes.Count != 0
            || n[1] % groups != 0
            || weight.numel() != n[1]
            || bias.numel() != n[1]
            || (shift is not null && shift.numel() != n[0] * n[1])
        )
            throw new ArgumentException(
                $"{groups} groups, {weight.numel()} weights, {bias.numel()} biases and {shift?.numel() ?? 0} shifts do not fit {own} [{string.Join(',', n)}]"
            );
        var (batch, type) = (n[0], toFloat ? ScalarType.Float32 : own);
        var shape = new NormShape((int)batch, (int)n[1], (int)groups, (int)(n[2] * n[3]), (float)epsilon);
        if (shift is not null && shift.dtype != ScalarType.Float32)
            shift = shift.to(ScalarType.Float32);
        shift = shift?.contiguous();
        if (is_grad_enabled() && (x.requires_grad || weight.requires_grad || bias.requires_grad || shift?.requires_grad == true))
            return Node.apply(x, weight, bias, shift is null ? Missing : shift, shape, after, type);
        using var moments = empty(batch * groups, 2);
        return Forward(x, shape, weight, bias, shift, after, type, moments);
    }

    /// <summary>Whether x is [B,C,H,W] in that layout; the stride of a side of 1 says nothing.</summary>
    public static bool IsLast(Tensor x)
    {
        var n = x.shape;
        if (n.Length != 4)
            return false;
        var (strides, step) = (x.stride(), 1L);
        foreach (var axis in (ReadOnlySpan<int>)[1, 3, 2, 0])
        {
            if (n[axis] != 1 && strides[axis] != step)
                return false;
            step *= n[axis];
        }

        return true;
    }

    private static Tensor Empty(Tensor like, ScalarType type)
    {
        var n = like.shape;
        return empty_strided(n, [n[2] * n[3] * n[1], 1, n[3] * n[1], n[1]], type);
    }

    private static Raw Of(Tensor t) => new(t, ScalarType.Float32);

    // The memory of a channels-last tensor.
    private static Raw Memory(Tensor x)
    {
        using var rows = x.permute(0, 2, 3, 1);
        return new(rows, x.dtype);
    }

    private static Tensor Forward(
        Tensor x,
        NormShape shape,
        Tensor weight,
        Tensor bias,
        Tensor? shift,
        NormAfter after,
        ScalarType type,
        Tensor moments
    )
    {
        var y = Empty(x, type);
        var (from, to, w, b, m) = (Memory(x), Memory(y), Of(weight), Of(bias), Of(moments));
        var e = shift is null ? default : Of(shift);
        void Work<TIn, TOut>(int image)
            where TIn : struct, IElement
            where TOut : struct, IElement =>
            NormLastKernel<TIn, TOut>.Forward(shape, image, after, from.Bytes, w.Floats, b.Floats, e.Floats, to.Bytes, m.Floats);
        Action<int> work = (x.dtype == ScalarType.Float32, type == ScalarType.Float32) switch
        {
            (true, _) => Work<Single32, Single32>,
            (_, true) => Work<BFloat16, Single32>,
            _ => Work<BFloat16, BFloat16>,
        };
        Threads.Each(shape.Batch, (long)shape.Channels * shape.Pixels, work);
        return y;
    }

    // ∂L/∂x, and [B,3,C]: the images' shares of ∂L/∂w and ∂L/∂b, and ∂L/∂e.
    private static (Tensor X, Tensor Slopes) Backward(
        Tensor x,
        NormShape shape,
        Tensor weight,
        Tensor bias,
        Tensor? shift,
        NormAfter after,
        Tensor moments,
        Tensor upstream
    )
    {
        var slope = Empty(x, x.dtype);
        var slopes = empty(shape.Batch, 3, shape.Channels);
        var (from, above, to, sums) = (Memory(x), Memory(upstream), Memory(slope), Of(slopes));
        var (w, b, m) = (Of(weight), Of(bias), Of(moments));
        var e = shift is null ? default : Of(shift);
        void Work<TIn, TOut>(int image)
            where TIn : struct, IElement
            where TOut : struct, IElement
        {
            var scratch = ArrayPool<float>.Shared.Rent(shape.Channels * shape.Pixels);
            NormLastKernel<TIn, TOut>.Backward(
                shape,
                image,
                after,
                from.Bytes,
                above.Bytes,
                w.Floats,
                b.Floats,
                e.Floats,
                m.Floats,
                to.Bytes,
                sums.Floats,
                scratch
            );
            ArrayPool<float>.Shared.Return(scratch);
        }

        Action<int> work = (x.dtype == ScalarType.Float32, upstream.dtype == ScalarType.Float32) switch
        {
            (true, _) => Work<Single32, Single32>,
            (_, true) => Work<BFloat16, Single32>,
            _ => Work<BFloat16, BFloat16>,
        };
        Threads.Each(shape.Batch, (long)shape.Channels * shape.Pixels, work);
        return (slope, slopes);
    }

    /// <summary>The kernel as a node of autograd's graph.</summary>
    private sealed class Node : autograd.SingleTensorFunction<Node>
    {
        public override string Name => nameof(NormLast);

        public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
        {
            var (x, weight, bias, shift) = ((Tensor)vars[0], (Tensor)vars[1], (Tensor)vars[2], vars[3] as Tensor);
            var (shape, after) = ((NormShape)vars[4], (NormAfter)vars[5]);
            var moments = empty(shape.All, 2);
            ctx.save_for_backward(shift is null ? [x, weight, bias, moments] : [x, weight, bias, moments, shift]);
            ctx.save_data("shape", shape);
            ctx.save_data("after", after);
            return Forward(x, shape, weight, bias, shift, after, (ScalarType)vars[6], moments);
        }

        public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
        {
            using var scope = NewDisposeScope();
            var saved = ctx.get_saved_variables();
            var shift = saved.Count > 4 ? saved[4] : null;
            var (shape, after) = ((NormShape)ctx.get_data("shape"), (NormAfter)ctx.get_data("after"));
            var (x, slopes) = Backward(saved[0], shape, saved[1], saved[2], shift, after, saved[3], Layout(grad_output));
            using var total = slopes.narrow(1, 0, 2).sum(0L); // [2,C]
            return
            [
                x.MoveToOuterDisposeScope(),
                total.select(0, 0).clone().MoveToOuterDisposeScope(),
                total.select(0, 1).clone().MoveToOuterDisposeScope(),
                shift is null ? null! : slopes.select(1, 2).contiguous().view(shift.shape).MoveToOuterDisposeScope(),
                null!,
                null!,
                null!,
            ];
        }
    }
}
