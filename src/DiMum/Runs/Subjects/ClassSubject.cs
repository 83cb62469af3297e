using DiMum.Checkpoints;
using DiMum.Data;
using DiMum.Diffusion;
using DiMum.Nets;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Runs.Subjects;

/// <summary>Pixels under class labels: the CIFAR-10 half of the paper.</summary>
internal sealed class ClassSubject(Workbench bench) : ISubject
{
    public Dataset Pairs => bench.Train;
    public IImageCode Code => PixelCode.Instance;
    public (int C, int H, int W) Shape => (bench.Train.Channels, bench.Train.Height, bench.Train.Width);
    public Func<Tensor, Tensor>? Decode => null;
    public IReadOnlySet<int> Unlearned => bench.Classes.UnlearnedSet;

    public ITrainableDenoiser NewNetwork(string purpose) => bench.NewClassNetwork(purpose);

    public void Read(string path, ITrainableDenoiser network) => ModelFile.Read(path, network.Parameters);

    public int Condition(int measuredClass, int n) => measuredClass;

    public Tensor Saved(Tensor clean) => bench.Train.IsPoints ? clean : Pixels.ToModel(Pixels.ToBytes(clean));

    public Dataset Encoded(Dataset images) => images.Where(images.Name, _ => true);

    public Pairing Memorization() => Pairing.Memorization(bench.Train, Unlearned, bench.Classes.AlternativeSet);

    // The alternative class, or one of several drawn per image and step.
    public Condition Alternative(Condition condition, int step)
    {
        var alternative = bench.Classes.Alternative;
        if (alternative.Count == 1)
            return new(full_like(condition.Value, alternative[0]));
        using var scope = NewDisposeScope();
        using var generator = bench.Seed.At("alternative/choice", step).Generator();
        var table = tensor(alternative.Select(a => (long)a).ToArray(), ScalarType.Int64, bench.Device);
        var chosen = randint(0, alternative.Count, condition.Value.shape[0], ScalarType.Int64, generator: generator).to(bench.Device);
        return new(table.index_select(0, chosen).MoveToOuterDisposeScope());
    }

    public void Dispose() { }
}
