namespace DiMum.Unlearning.Methods;

/// <summary>
/// Training on the retain set alone, Eq. (8). From the pre-trained weights this is plain fine-tuning; from fresh weights it is retraining, the
/// gold standard: a model that never saw the class.
/// </summary>
public sealed record RetainOnly(bool FromScratch) : IUnlearningMethod
{
    public string Name => FromScratch ? "retrain" : "fine-tune-retain";
    public string Reading => "as published";
    public string Source => FromScratch ? "Eq. (4) on D_r from fresh weights" : "Eq. (8) alone, from the pre-trained weights";
    public bool StartsFromScratch => FromScratch;

    public IUpdateRule Prepare(UnlearningContext context) =>
        new UpdateRule(iteration => [new(() => context.Loss(context.Retain, iteration), context.Clip)]);
}
