using TorchSharp;

namespace DiMum.Runs;

/// <summary>TensorBoard events of one stage, in the run's <c>tensorboard/</c> folder; a resumed stage adds a file.</summary>
internal sealed class Board : IDisposable
{
    private readonly TorchSharp.Modules.SummaryWriter writer;

    public Board(StageFolder stage)
    {
        var folder = Path.Combine(stage.RunFolder, "tensorboard", $"{stage.Name}-{stage.Key}");
        Directory.CreateDirectory(folder);
        writer = torch.utils.tensorboard.SummaryWriter(folder, createRunName: false);
    }

    public void Scalar(string tag, double value, int step) => writer.add_scalar(tag, (float)value, step);

    public void Dispose() => (writer as IDisposable)?.Dispose();
}
