namespace DiMum.Nets;

/// <summary>A denoiser whose condition is a sequence of tokens that it attends to.</summary>
public interface ISequenceConditioned
{
    /// <summary>No gradient through the first token's keys and values: every prompt begins with it, so moving it would move all.</summary>
    bool DetachesFirstToken { get; set; }
}
