namespace DiMum.Nets;

/// <summary>
/// What a network computes in. θ, its gradient, Adam's moments, the moving average, statistics of normalisations, the embeddings, the first and the
/// last convolution and the loss are float32 in either case.
/// </summary>
public enum Precision
{
    /// <summary>float32 throughout. On CPU kernels of our own replace libtorch's normalisation from <see cref="Norm.KernelFrom"/> pixels on.</summary>
    Fp32,

    /// <summary>Activations and the copies of weights that meet them in bfloat16 (8 bits of mantissa).</summary>
    Bf16,
}
