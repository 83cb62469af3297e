using DiMum.Checkpoints;
using DiMum.Data;
using DiMum.Nets;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Runs.Stages;

/// <summary>
/// The auxiliary set of DiMRA's assumption (ii-b): images of the pre-trained model under the retain conditions. Made in chunks that are kept on
/// disk, so an interrupted synthesis goes on; shared by the attacks on all methods.
/// </summary>
internal sealed class Synthesis(StageContext context, PretrainStage pretrain)
{
    private const int Chunk = 1000;

    public Dataset Images()
    {
        var (bench, observer) = (context.Bench, context.Observer);
        var wanted = bench.Experiment.Attack.SyntheticImages is > 0 and var n ? n : (int)bench.Retain.Count;
        var stage = context.Keys.Synthesise();
        var (subject, classes) = (context.Subject, bench.Classes.Retained);
        var asked = Enumerable
            .Range(0, wanted)
            .Select(i => (long)subject.Condition(classes[i % classes.Count], i / classes.Count))
            .ToArray();
        var generation = bench.Generation with { Decode = subject.Decode };
        using var scope = NewDisposeScope();
        var parts = new List<Tensor>();
        ITrainableDenoiser? model = null;
        try
        {
            observer.Begin(stage.Name, 0, wanted);
            for (var from = 0; from < wanted; from += Chunk)
            {
                context.Cancel.ThrowIfCancellationRequested();
                var some = asked[from..Math.Min(wanted, from + Chunk)];
                var file = stage.File($"images-{from:D7}-{some.Length}.safetensors");
                if (!File.Exists(file))
                {
                    model ??= pretrain.Load("pretrain/init");
                    var images = generation.Images(model, some, subject.Shape, bench.Seed.At("synthesise", from), context.Cancel);
                    Safetensors.Write(
                        file,
                        new Dictionary<string, Tensor> { ["images"] = bench.Train.IsPoints ? images : Pixels.ToBytes(images) }
                    );
                }

                parts.Add(Safetensors.Read(file).Tensors["images"].to(bench.Device));
                observer.Advance(stage.Name, from + some.Length, null);
            }
        }
        finally
        {
            model?.Dispose();
        }

        observer.End(stage.Name, $"{wanted} images of the pre-trained model under retained classes", alreadyDone: false);
        return new Dataset(
            "synthesised/retain",
            cat(parts).MoveToOuterDisposeScope(),
            tensor(asked, ScalarType.Int64, bench.Device).MoveToOuterDisposeScope(),
            bench.ConditionedTrain.ClassNames
        );
    }
}
