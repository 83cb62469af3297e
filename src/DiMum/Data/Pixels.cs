using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Data;

/// <summary>The two pixel ranges: bytes 0…255 as files hold them and floats in [−1, 1] as the denoiser sees them.</summary>
public static class Pixels
{
    /// <summary>x = 2·b/255 − 1, float32 (SalUn's <c>data_transform</c> with <c>rescaled</c>).</summary>
    public static Tensor ToModel(Tensor bytes) => bytes.to(ScalarType.Float32).mul_(2.0 / 255).sub_(1);

    /// <summary>clamp((x + 1)/2, 0, 1): the unit range that metrics and image files start from (SalUn's <c>inverse_data_transform</c>).</summary>
    public static Tensor ToUnit(Tensor model)
    {
        using var scope = NewDisposeScope();
        return model.add(1).div_(2).clamp_(0, 1).MoveToOuterDisposeScope();
    }

    /// <summary>b = round(255·clamp((x + 1)/2, 0, 1)), uint8. No per-image stretch: see docs/findings on the released scripts' min–max normalisation.</summary>
    public static Tensor ToBytes(Tensor model)
    {
        using var scope = NewDisposeScope();
        return ToUnit(model).mul_(255).round_().to(ScalarType.Byte).MoveToOuterDisposeScope();
    }

    /// <summary>
    /// As released (OPTML-Group/Unlearn-Saliency@a6e89fd, torchvision's <c>save_image(normalize=True)</c> on one image at a time): every image is
    /// stretched over its own range, b = ⌊255·(v − min)/max(max − min, 10⁻⁵) + ½⌋, uint8, all channels alike.
    /// </summary>
    /// <param name="unit">[B,C,H,W] in [0, 1].</param>
    public static Tensor Stretched(Tensor unit)
    {
        using var scope = NewDisposeScope();
        var low = unit.amin([1, 2, 3], keepdim: true);
        var range = (unit.amax([1, 2, 3], keepdim: true) - low).clamp_min_(1e-5);
        return ((unit - low) / range).mul_(255).add_(0.5).clamp_(0, 255).to(ScalarType.Byte).MoveToOuterDisposeScope();
    }

    /// <summary>x reversed along its last axis where <paramref name="flip"/> (bool [B]) is true: the horizontal flip of the training data path.</summary>
    public static Tensor FlipWhere(Tensor x, Tensor flip)
    {
        using var scope = NewDisposeScope();
        return where(flip.view(-1, 1, 1, 1), x.flip(-1), x).MoveToOuterDisposeScope();
    }
}
