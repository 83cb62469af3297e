using DiMum.Data;
using DiMum.Diffusion;
using DiMum.Nets;
using static TorchSharp.torch;

namespace DiMum.Runs.Subjects;

/// <summary>
/// What an experiment's denoiser is given and asked by: pixels under classes, or latents under prompts. Stages, methods and measures see conditions as
/// indices and x₀ as tensors, and no more.
/// </summary>
internal interface ISubject : IDisposable
{
    /// <summary>D in the denoiser's space, labelled by condition.</summary>
    Dataset Pairs { get; }

    /// <summary>What makes x₀ of them.</summary>
    IImageCode Code { get; }

    /// <summary>C, H and W of x₀.</summary>
    (int C, int H, int W) Shape { get; }

    /// <summary>What makes images of x₀; null where they are the same.</summary>
    Func<Tensor, Tensor>? Decode { get; }

    /// <summary>x₀ saved as an image and read again; of latents x₀ itself.</summary>
    Tensor Saved(Tensor clean);

    /// <summary>Conditions of D_u.</summary>
    IReadOnlySet<int> Unlearned { get; }

    /// <summary>A fresh network; its first weights depend on the run seed and <paramref name="purpose"/>.</summary>
    ITrainableDenoiser NewNetwork(string purpose);

    /// <summary>Fills a network of <see cref="NewNetwork"/> from any checkpoint of it.</summary>
    /// <exception cref="UserError">A tensor is missing or has another shape; the message names it.</exception>
    void Read(string path, ITrainableDenoiser network);

    /// <summary>The condition that the n-th image of a class is asked by, n from 0.</summary>
    int Condition(int measuredClass, int n);

    /// <summary>Other images, labelled by condition, in the denoiser's space; the caller disposes them.</summary>
    Dataset Encoded(Dataset images);

    /// <summary>D_m of Eq. (9).</summary>
    Pairing Memorization();

    /// <summary>c̃ for conditions of D_u at a step.</summary>
    Condition Alternative(Condition condition, int step);
}
