using static TorchSharp.torch;

namespace DiMum.Runs;

/// <summary>Another way to measure that no setting reaches: what a study compares with the usual one.</summary>
/// <param name="Name">Tells its stages apart.</param>
/// <param name="Change">What is done to generated images, [B,C,H,W] in [−1, 1], before they are looked at.</param>
/// <param name="TopK">k of AR; null: the experiment's.</param>
internal sealed record MeasuringVariant(string Name, Func<Tensor, Tensor> Change, int? TopK = null);
