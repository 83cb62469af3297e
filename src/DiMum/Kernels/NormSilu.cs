using System.Buffers;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Kernels;

/// <summary>
/// SiLU(GN(x)) on CPU in one kernel: same numbers as the composite up to rounding, a third of its memory traffic. It takes any size; from which it
/// is worth it, <see cref="Nets.Norm.KernelFrom"/> says.
/// </summary>
internal static class NormSilu
{
    /// <summary>Whether the kernel is used where it can be; off, the composite runs everywhere. DIMUM_KERNELS=torch turns it off.</summary>
    public static bool Enabled { get; set; } = Environment.GetEnvironmentVariable("DIMUM_KERNELS") != "torch";

    /// <summary>Whether the kernel takes <paramref name="x"/>, [B,C,…] float32 or bfloat16 on CPU.</summary>
    public static bool Takes(Tensor x) =>
        Enabled
        && x.device_type == DeviceType.CPU
        && x.dtype is ScalarType.Float32 or ScalarType.BFloat16
        && x.numel() is > 0 and < int.MaxValue / sizeof(float);

    /// <summary>y in x's precision, or in float32 where <paramref name="toFloat"/>; differentiable once in x, weight and bias.</summary>
    /// <param name="x">[B,C,…].</param>
    /// <param name="groups">Divides C.</param>
    /// <param name="weight">float32 [C].</param>
    /// <param name="bias">float32 [C].</param>
    /// <param name="epsilon">Added to the variance.</param>
    /// <param name="toFloat">Whether y is float32 whatever x is.</param>
    public static Tensor Apply(Tensor x, long groups, Tensor weight, Tensor bias, double epsilon, bool toFloat = false)
    {
        if (x.shape[1] % groups != 0 || weight.numel() != x.shape[1] || bias.numel() != x.shape[1])
            throw new ArgumentException(
                $"{groups} groups, {weight.numel()} weights and {bias.numel()} biases do not fit {x.shape[1]} channels"
            );
        if (is_grad_enabled() && (x.requires_grad || weight.requires_grad || bias.requires_grad))
            return Node.apply(x.contiguous(), groups, weight, bias, epsilon, toFloat);
        using var whole = x.contiguous();
        using var moments = empty(x.shape[0] * groups, 2);
        return Forward(whole, ShapeOf(x, groups, epsilon), weight, bias, toFloat, moments);
    }

    private static NormShape ShapeOf(Tensor x, long groups, double epsilon) =>
        new((int)x.shape[0], (int)x.shape[1], (int)groups, (int)(x.numel() / (x.shape[0] * x.shape[1])), (float)epsilon);

    private static Tensor Forward(Tensor x, NormShape shape, Tensor weight, Tensor bias, bool toFloat, Tensor moments)
    {
        var y = empty(x.shape, toFloat ? ScalarType.Float32 : x.dtype);
        var (from, to, w, b, m) = (new Raw(x, x.dtype), new Raw(y, y.dtype), Of(weight), Of(bias), Of(moments));
        Action<int> work = (x.dtype == ScalarType.Float32, y.dtype == ScalarType.Float32) switch
        {
            (true, _) => g => NormSiluKernel<Single32, Single32>.Forward(shape, g, from.Bytes, w.Floats, b.Floats, to.Bytes, m.Floats),
            (_, true) => g => NormSiluKernel<BFloat16, Single32>.Forward(shape, g, from.Bytes, w.Floats, b.Floats, to.Bytes, m.Floats),
            _ => g => NormSiluKernel<BFloat16, BFloat16>.Forward(shape, g, from.Bytes, w.Floats, b.Floats, to.Bytes, m.Floats),
        };
        Threads.Each(shape.All, shape.Elements, work);
        return y;
    }

    // ∂L/∂x and, over the batch in its order whatever the threads, ∂L/∂w and ∂L/∂b.
    private static (Tensor X, Tensor Weight, Tensor Bias) Backward(
        Tensor x,
        NormShape shape,
        Tensor weight,
        Tensor bias,
        Tensor moments,
        Tensor upstream
    )
    {
        var slope = empty_like(x);
        using var slopes = empty(shape.Batch, shape.Channels, 2);
        var (from, above, to, sums) = (new Raw(x, x.dtype), new Raw(upstream, upstream.dtype), new Raw(slope, x.dtype), Of(slopes));
        var (w, b, m) = (Of(weight), Of(bias), Of(moments));
        void Work<TIn, TOut>(int g)
            where TIn : struct, IElement
            where TOut : struct, IElement
        {
            var scratch = ArrayPool<float>.Shared.Rent(shape.Elements + Lanes.Count);
            NormSiluKernel<TIn, TOut>.Backward(
                shape,
                g,
                from.Bytes,
                above.Bytes,
                w.Floats,
                b.Floats,
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
        Threads.Each(shape.All, shape.Elements, work);
        using var total = slopes.sum(0L); // [C,2]
        return (slope, total.select(1, 0).contiguous(), total.select(1, 1).contiguous());
    }

    private static Raw Of(Tensor t) => new(t, ScalarType.Float32);

    /// <summary>The kernel as a node of autograd's graph.</summary>
    private sealed class Node : autograd.SingleTensorFunction<Node>
    {
        public override string Name => nameof(NormSilu);

        public override Tensor forward(autograd.AutogradContext ctx, params object[] vars)
        {
            var (x, groups, weight, bias) = ((Tensor)vars[0], (long)vars[1], (Tensor)vars[2], (Tensor)vars[3]);
            var shape = ShapeOf(x, groups, (double)vars[4]);
            var moments = empty(shape.All, 2);
            ctx.save_for_backward([x, weight, bias, moments]);
            ctx.save_data("shape", shape);
            return NormSilu.Forward(x, shape, weight, bias, (bool)vars[5], moments);
        }

        public override List<Tensor> backward(autograd.AutogradContext ctx, Tensor grad_output)
        {
            using var scope = NewDisposeScope();
            var saved = ctx.get_saved_variables();
            var shape = (NormShape)ctx.get_data("shape");
            var (x, w, b) = NormSilu.Backward(saved[0], shape, saved[1], saved[2], saved[3], grad_output.contiguous());
            return [x.MoveToOuterDisposeScope(), null!, w.MoveToOuterDisposeScope(), b.MoveToOuterDisposeScope(), null!, null!];
        }
    }
}
