using DiMum.Data;
using DiMum.Metrics;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Studies.Traps;

/// <summary>Images and what is measured on them: T16–T20.</summary>
internal static class MeasuringTraps
{
    public static Seen Stretching(TrapScene scene)
    {
        var unit = Pixels.ToUnit(Pixels.ToModel(scene.Test.Images)) * 0.5 + 0.25; // images of half the contrast
        var stretched = Pixels.Stretched(unit).to(ScalarType.Float32) / 255;
        var real = Pixels.ToUnit(Pixels.ToModel(scene.Train.Images));
        var change = (stretched - unit).abs().amax([1, 2, 3]).mean().ToDouble();
        var (plain, after) = (Distance(unit, real), Distance(stretched, real));
        return Seen.If(
            change > 0.1 && after < plain / 2,
            $"digits at half contrast: the stretch moves the worst pixel of an image by {change:f2} of the range, and brings their pixel Fréchet distance from the training digits from {plain:f2} to {after:f2}: the fault is hidden"
        );
    }

    public static Seen FewReferences(TrapScene scene)
    {
        var all = Pixels.ToUnit(Pixels.ToModel(scene.Train.Images));
        using var generator = scene.Seed.At("order").Generator();
        var order = randperm(all.shape[0], generator: generator);
        Tensor Some(long from, long n) => all.index_select(0, order.narrow(0, from, n));
        var (few, more) = (Distance(Some(0, 70), Some(719, 719)), Distance(Some(0, 719), Some(719, 719)));
        return Seen.If(
            few > 2 * more,
            $"pixel Fréchet distance of digits from other digits of the same set: {few:f3} with 70 images on one side, {more:f3} with 719: the smaller reference reads as the worse model"
        );
    }

    public static Seen Channels(TrapScene scene)
    {
        using var generator = scene.Seed.At("features").Generator();
        using var classifier = new ImageClassifier(new ClassifierConfig(10, 3, [16], 1), CPU, generator);
        using var none = no_grad();
        Tensor Coloured(string purpose, double red) =>
            scene.Normal(purpose, 400, 3, 8, 8).to(ScalarType.Float32) * 0.3 + tensor(new[] { (float)red, 0, -0.2f }).view(1, 3, 1, 1);
        Tensor Features(Tensor images) => classifier.Forward(images).Features;
        var (a, b) = (Coloured("a", 0.3), Coloured("b", 0.5));
        double Between(Tensor x, Tensor y) => Distance(Features(x), Features(y));
        var (right, both, one) = (Between(a, b), Between(a.flip(1), b.flip(1)), Between(a.flip(1), b));
        return Seen.If(
            Math.Abs(both / right - 1) > 0.01 && one > 2 * right,
            $"Fréchet distance of two coloured sets on fixed features: {right:g3} as RGB, {both:g3} with both read as BGR, {one:g3} with one"
        );
    }

    public static Seen Features(TrapScene scene)
    {
        Measured Under(string network)
        {
            using var generator = scene.Seed.At(network).Generator();
            using var classifier = new ImageClassifier(new ClassifierConfig(10, 1, [16], 1), CPU, generator);
            using var none = no_grad();
            var distance = Distance(
                classifier.Forward(Pixels.ToModel(scene.Train.Images.narrow(0, 0, 800))).Features,
                classifier.Forward(Pixels.ToModel(scene.Test.Images)).Features
            );
            return new(distance, 800, distance, distance, $"Fréchet on {network}", "digits");
        }

        var (a, b) = (Under("network a"), Under("network b"));
        var refused = false;
        try
        {
            a.DifferenceFrom(b);
        }
        catch (InvalidOperationException)
        {
            refused = true;
        }

        return Seen.If(
            refused && Math.Abs(a.Value / b.Value - 1) > 0.01,
            $"the same two sets of images: {a.Value:g3} on one network's features, {b.Value:g3} on another's; the library refuses to subtract them"
        );
    }

    public static Seen TopThree(TrapScene scene)
    {
        using var generator = scene.Seed.At("features").Generator();
        using var classifier = new ImageClassifier(new ClassifierConfig(10, 1, [16], 1), CPU, generator);
        using var none = no_grad();
        var logits = classifier.Forward(scene.Normal("noise", 2000, 1, 8, 8).to(ScalarType.Float32)).Logits; // [2000,10]
        double Floor(int k) =>
            Enumerable
                .Range(0, 10)
                .Average(c => (double)AccuracyRate.Hits(logits, full(logits.shape[0], c, ScalarType.Int64), k) / logits.shape[0]);
        return Seen.If(
            Math.Abs(Floor(3) - 0.3) < 1e-9,
            $"images of pure noise, hit rate of a class averaged over the ten: {Floor(1):p0} at top-1, {Floor(3):p0} at top-3, so the floor of an AR is three times as high"
        );
    }

    private static double Distance(Tensor a, Tensor b)
    {
        var (x, y) = (Moments(a), Moments(b));
        return new Frechet(x).To(y.Mean, y.Covariance);
    }

    private static FeatureMoments Moments(Tensor images)
    {
        var rows = images.flatten(1);
        var moments = new FeatureMoments((int)rows.shape[1]);
        moments.Add(rows);
        return moments;
    }
}
