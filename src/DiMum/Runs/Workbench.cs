using DiMum.Data;
using DiMum.Diffusion;
using DiMum.Diffusion.Samplers;
using DiMum.Nets;
using DiMum.Optimization;
using DiMum.Unlearning;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Runs;

/// <summary>What every stage of an experiment builds on: data on the device, schedule, networks, settings turned into objects.</summary>
internal sealed class Workbench : IDisposable
{
    public Workbench(Experiment experiment)
    {
        Experiment = experiment;
        Device = Devices.Parse(experiment.Device);
        Threads = experiment.Threads > 0 ? experiment.Threads : Environment.ProcessorCount;
        NativeHeap.Keep();
        set_num_threads(Threads);
        Schedule = NoiseSchedule.Named[experiment.Diffusion.Schedule](experiment.Diffusion.Steps);
        using var loaded = DatasetSource.Load(experiment.Data.Name, experiment.Data.Path, experiment.Data.Size);
        Classes = Classes.Of(experiment.Unlearn, loaded.Train.ClassNames);
        DataHash = $"{ContentHash.Of(loaded.Train)}-{ContentHash.Of(loaded.Test)}";
        Train = loaded.Train.To(Device);
        Test = loaded.Test.To(Device);
        Retain = Train.Where($"{Train.Name}/retain", label => label != Classes.Unlearned);
        if (Train.Height != Train.Width)
            throw new UserError($"data set {Train.Name}: images are {Train.Width}×{Train.Height}; expected square ones");
        Generation = new(
            Schedule,
            SamplerOf(experiment.Sampling),
            Guidance.ByWeight(experiment.Sampling.GuidanceWeight),
            experiment.Sampling.BatchSize
        );
        Generation.Sampler.Times(Schedule.Steps);
        Sheet = new(Train.IsPoints, DatasetSource.LawOf(experiment.Data.Name), Train.Height);
        CheckSelections();
    }

    public Experiment Experiment { get; }
    public Device Device { get; }
    public int Threads { get; }
    public NoiseSchedule Schedule { get; }
    public Classes Classes { get; }
    public string DataHash { get; }
    public Dataset Train { get; }
    public Dataset Test { get; }
    public Dataset Retain { get; }
    public Generation Generation { get; }

    /// <summary>How samples are put on a picture.</summary>
    public SampleSheet Sheet { get; }
    public Seed Seed => new(Experiment.Seed);
    public (int C, int H, int W) ImageShape => (Train.Channels, Train.Height, Train.Width);

    /// <summary>The network's shape for this data.</summary>
    public static UNetConfig NetworkOf(NetworkSettings n, int classes, int size, int channels) =>
        new(classes, size, channels, n.Channels, n.Multipliers, n.ResBlocks, n.Attention, n.Dropout, n.NormGroups, n.Null);

    /// <summary>The same for an mlp.</summary>
    public static MlpConfig MlpOf(NetworkSettings n, int classes, int size, int channels) =>
        new(classes, channels * size * size, n.Channels, n.ResBlocks, n.Null);

    /// <summary>A fresh network; its first weights depend on the run seed and <paramref name="purpose"/>.</summary>
    public ITrainableDenoiser NewNetwork(string purpose)
    {
        using var generator = Seed.At(purpose).Generator();
        var (n, classes) = (Experiment.Network, Classes.Names.Count);
        return n.Kind == NetworkKind.Mlp
            ? new MlpDenoiser(MlpOf(n, classes, Train.Height, Train.Channels), Device, generator)
            : new ClassConditionalUNet(NetworkOf(n, classes, Train.Height, Train.Channels), Device, generator)
            {
                Precision = Experiment.Precision,
            };
    }

    /// <summary>A network's shape in a line.</summary>
    public static string Shape(ITrainableDenoiser network) =>
        network switch
        {
            ClassConditionalUNet unet => unet.Config.ToString(),
            MlpDenoiser mlp => mlp.Config.ToString(),
            _ => network.GetType().Name,
        };

    /// <summary>Batches for a stage; one <paramref name="purpose"/> for all methods gives them common random numbers.</summary>
    public IBatchSource Batches(string purpose, int batchSize, Loader loader = Loader.Shuffled) =>
        new SeededBatches(
            Schedule,
            new DrawSettings(batchSize, Experiment.Diffusion.Times, Experiment.Diffusion.DropProbability, Experiment.Data.Flip, loader),
            Seed.At(purpose),
            Device
        );

    /// <summary>c̃ for conditions of D_u: the alternative class, or one of several drawn per image and step.</summary>
    public Condition Alternative(Condition condition, int step)
    {
        var alternative = Classes.Alternative;
        if (alternative.Count == 1)
            return new(full_like(condition.Value, alternative[0]));
        using var scope = NewDisposeScope();
        using var generator = Seed.At("alternative/choice", step).Generator();
        var table = tensor(alternative.Select(a => (long)a).ToArray(), ScalarType.Int64, Device);
        var chosen = randint(0, alternative.Count, condition.Value.shape[0], ScalarType.Int64, generator: generator).to(Device);
        return new(table.index_select(0, chosen).MoveToOuterDisposeScope());
    }

    public static TrainerSettings Trainer(TrainingSettings s) => new(s.Iterations, new LearningRate(s.Rate, s.Decay, s.Warmup), s.Ema);

    public static Sampler SamplerOf(SamplingSettings s) =>
        s.Sampler switch
        {
            SamplerKind.Ddim => new Ddim
            {
                Steps = s.Steps,
                Eta = s.Eta,
                ClipClean = s.ClipClean,
            },
            SamplerKind.Ddpm => new Ancestral
            {
                Steps = s.Steps,
                Variance = s.Variance,
                ClipClean = s.ClipClean,
            },
            _ => throw new ArgumentOutOfRangeException(nameof(s), s.Sampler, null),
        };

    // A choice of weights that this network lacks is found now, not after pre-training.
    private void CheckSelections()
    {
        var choices = Experiment.Unlearn.Methods.SelectMany(m => new[] { m.Parameters, m.Trimmed }).Distinct().Except(["all"]).ToList();
        if (choices.Count == 0)
            return;
        using var network = NewNetwork("selections");
        foreach (var choice in choices)
            ParameterSelection.Parse(choice).Mask(network.Parameters)?.Dispose();
    }

    public void Dispose()
    {
        Train.Dispose();
        Test.Dispose();
        Retain.Dispose();
    }
}
