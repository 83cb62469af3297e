using DiMum.Data;
using DiMum.Diffusion;
using DiMum.Optimization;

namespace DiMum.Metrics;

/// <summary>
/// The released classifier's training (OPTML-Group/Unlearn-Saliency@a6e89fd): all weights at one rate and the head at ten times it, Adam with an L2
/// term of 5·10⁻⁴, cross-entropy, mirroring with probability ½, constant rates. On CIFAR-10 it takes 10 epochs of batch 128 at 10⁻⁵ and 10⁻⁴.
/// </summary>
public static class ResNetTraining
{
    private const double HeadOverBody = 10;

    /// <summary>Trains in place; <paramref name="onStep"/> sees (steps done, loss).</summary>
    /// <param name="network">Is trained.</param>
    /// <param name="train">The images, at their own size.</param>
    /// <param name="settings">Iterations, batch size, the head's rate and the L2 term.</param>
    /// <param name="seed">Of order and mirroring.</param>
    /// <param name="onStep">Sees the way.</param>
    /// <param name="cancel">Stops between steps.</param>
    public static void Train(
        ResNet34 network,
        Dataset train,
        ClassifierTrainingSettings settings,
        Seed seed,
        Action<int, double>? onStep = null,
        CancellationToken cancel = default
    )
    {
        var adam = new AdamSettings(WeightDecay: settings.WeightDecay);
        using var body = new Adam(network.Body, adam);
        using var head = new Adam(network.Head, adam);
        void Apply(int step)
        {
            body.Step(settings.Rate / HeadOverBody);
            head.Step(settings.Rate);
        }

        var loss = ClassifierTraining.CrossEntropy(network.Training, train, settings, seed);
        Fitting.Run([new(network.Body, body), new(network.Head, head)], settings.Iterations, loss, Apply, onStep, cancel);
    }
}
