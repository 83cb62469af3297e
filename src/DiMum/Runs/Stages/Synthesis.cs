using DiMum.Checkpoints;
using DiMum.Data;
using DiMum.Diffusion.Samplers;
using DiMum.Nets;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Runs.Stages;

/// <summary>
/// The auxiliary set of DiMRA's assumption (ii-b): images of the pre-trained model under the retain conditions. Made in batches that are kept on
/// disk, so an interrupted synthesis goes on; shared by the attacks on all methods.
/// </summary>
internal sealed class Synthesis(StageContext context, PretrainStage pretrain)
{
    private const string Entry = "images";

    // The images whose noise is drawn by one seed. Once they were kept as one file, which is read where it is there.
    private const int Chunk = 1000;

    // A file of images: its chunk's first image and conditions, and which of the chunk's batches it is.
    private sealed record Piece(string File, int Count, int Chunk, long[] Conditions, int Batch);

    public Dataset Images()
    {
        var (bench, observer, stage) = (context.Bench, context.Observer, context.Keys.Synthesise());
        var asked = Asked();
        var generation = bench.Generation with { Decode = context.Subject.Decode };
        var pieces = Pieces(stage, asked, generation).ToList();
        var missing = pieces.FindAll(p => !File.Exists(p.File));
        var done = asked.Length - missing.Sum(p => p.Count);
        observer.Begin(stage.Name, done, asked.Length);
        if (missing.Count > 0)
        {
            using var model = pretrain.Load("pretrain/init");
            foreach (var piece in missing)
            {
                context.Cancel.ThrowIfCancellationRequested();
                Make(piece, model, generation);
                observer.Advance(stage.Name, done += piece.Count, null);
            }
        }

        using var scope = NewDisposeScope();
        var images = cat([.. pieces.Select(p => SafetensorsFile.ReadOwn(p.File, Entry).to(bench.Device))]);
        observer.End(stage.Name, $"{asked.Length} images of the pre-trained model under retained classes", alreadyDone: missing.Count == 0);
        return new Dataset(
            "synthesised/retain",
            images.MoveToOuterDisposeScope(),
            tensor(asked, ScalarType.Int64, bench.Device).MoveToOuterDisposeScope(),
            bench.ConditionedTrain.ClassNames
        );
    }

    // The condition of every image: the retained classes in turn.
    private long[] Asked()
    {
        var bench = context.Bench;
        var wanted = bench.Experiment.Attack.SyntheticImages is > 0 and var n ? n : (int)bench.Retain.Count;
        var (subject, classes) = (context.Subject, bench.Classes.Retained);
        return [.. Enumerable.Range(0, wanted).Select(i => (long)subject.Condition(classes[i % classes.Count], i / classes.Count))];
    }

    private static IEnumerable<Piece> Pieces(StageFolder stage, long[] asked, Generation generation)
    {
        // Where a chunk is one batch, both have one name and the same images.
        string Named(int from, int count) => stage.File($"images-{from:D7}-{count}.safetensors");
        for (var from = 0; from < asked.Length; from += Chunk)
        {
            var some = asked[from..Math.Min(asked.Length, from + Chunk)];
            var whole = Named(from, some.Length);
            if (File.Exists(whole))
            {
                yield return new(whole, some.Length, from, some, 0);
                continue;
            }

            for (var batch = 0; batch < generation.Batches(some.Length); batch++)
            {
                var first = batch * generation.BatchSize;
                var count = Math.Min(generation.BatchSize, some.Length - first);
                yield return new(Named(from + first, count), count, from, some, batch);
            }
        }
    }

    private void Make(Piece piece, ITrainableDenoiser model, Generation generation)
    {
        var bench = context.Bench;
        using var scope = NewDisposeScope();
        var images = generation.Batch(
            model,
            piece.Conditions,
            context.Subject.Shape,
            bench.Seed.At("synthesise", piece.Chunk),
            piece.Batch
        );
        Safetensors.Write(piece.File, new Dictionary<string, Tensor> { [Entry] = bench.Train.IsPoints ? images : Pixels.ToBytes(images) });
    }
}
