namespace DiMum.Optimization;

/// <summary>How the rate changes over a stage.</summary>
public enum RateDecay
{
    Constant,

    /// <summary>Straight down to 0 at the last step.</summary>
    Linear,

    /// <summary>Half a cosine down to 0 at the last step.</summary>
    Cosine,
}

/// <summary>lr at a step.</summary>
/// <param name="Base">lr at step 0.</param>
/// <param name="Decay">Its course.</param>
/// <param name="Warmup">Steps of linear warm-up.</param>
public sealed record LearningRate(double Base, RateDecay Decay = RateDecay.Constant, int Warmup = 0)
{
    public double At(int step, int total)
    {
        var share = total <= 0 ? 0 : (double)step / total;
        var decay = Decay switch
        {
            RateDecay.Constant => 1,
            RateDecay.Linear => 1 - share,
            RateDecay.Cosine => (1 + Math.Cos(Math.PI * share)) / 2,
            _ => throw new InvalidOperationException($"unknown decay {Decay}"),
        };
        return Base * decay * (step < Warmup ? (step + 1.0) / Warmup : 1);
    }
}
