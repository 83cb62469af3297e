using DiMum.Diffusion;
using DiMum.Optimization;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Unlearning;

/// <summary>Gradients outside the loop: of a mask's, a Fisher weight's or a projection's batch.</summary>
public static class BatchGradient
{
    /// <summary>
    /// Calls <paramref name="take"/> with the flat gradient [n] of <paramref name="loss"/>, dropout off, and leaves no gradient behind.
    /// </summary>
    /// <param name="context">The model.</param>
    /// <param name="loss">Built in evaluation mode.</param>
    /// <param name="clips">Whether the gradient is clipped first.</param>
    /// <param name="take">Must copy what it keeps.</param>
    public static void Take(UnlearningContext context, Func<Tensor> loss, bool clips, Action<Tensor> take)
    {
        var (model, parameters) = (context.Model, context.Model.Parameters);
        using var evaluation = new EvaluationMode(model);
        using var scope = NewDisposeScope();
        parameters.ZeroGradient();
        var value = loss();
        value.backward();
        var norm = clips ? GradientTransform.Clip(parameters.Gradient, context.ClipNorm) : double.NaN;
        context.GuidedGradientSeen?.Invoke(value.ToDouble(), norm);
        using (no_grad())
            take(parameters.Gradient);
        parameters.ZeroGradient();
    }
}
