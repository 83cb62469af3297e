using DiMum.Data;
using DiMum.Data.MiniCanvas;
using DiMum.Data.UnlearnCanvas;
using DiMum.Diffusion;
using DiMum.Diffusion.Samplers;
using DiMum.Nets;
using DiMum.Optimization;
using DiMum.Runs.Subjects;
using DiMum.StableDiffusion;
using DiMum.Unlearning;
using TorchSharp;
using static TorchSharp.torch;

namespace DiMum.Runs;

/// <summary>What every stage of an experiment builds on: data on the device, schedule, networks, settings turned into objects.</summary>
internal sealed class Workbench : IDisposable
{
    public const string UnlearnCanvas = "unlearn-canvas";
    public const string MiniCanvas = "mini-canvas";

    public Workbench(Experiment experiment)
    {
        Experiment = experiment;
        Device = Devices.Parse(experiment.Device);
        Threads = experiment.Threads > 0 ? experiment.Threads : Environment.ProcessorCount;
        NativeHeap.Keep();
        set_num_threads(Threads);
        Schedule = NoiseSchedule.Named[experiment.Diffusion.Schedule](experiment.Diffusion.Steps);
        Brought = experiment.Data.Name == UnlearnCanvas ? new(experiment.Canvas) : null;
        Labels = LabelsOf(experiment.Data.Name);
        Brought?.Check(Schedule, SideOf(experiment));
        using var loaded = Load(experiment);
        DataHash = $"{ContentHash.Of(loaded.Train)}-{ContentHash.Of(loaded.Test)}";
        (ConditionedTrain, ConditionedTest) = (loaded.Train.To(Device), loaded.Test.To(Device));
        Objects = Labels?.Objects.Count ?? 1;
        var names = Labels?.Styles ?? loaded.Train.ClassNames;
        Train = Labels?.ByStyle(ConditionedTrain) ?? ConditionedTrain;
        Test = Labels?.ByStyle(ConditionedTest) ?? ConditionedTest;
        Classes = Classes.Of(experiment.Unlearn, names);
        if (experiment.Evaluate.RetainedImages < 2 * Classes.Retained.Count)
            throw new UserError(
                $"evaluate.retained-images is {experiment.Evaluate.RetainedImages}; expected at least 2 for each of the {Classes.Retained.Count} retained classes"
            );
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

    /// <summary>Another way to measure, for studies.</summary>
    public MeasuringVariant? Measuring { get; init; }
    public Device Device { get; }
    public int Threads { get; }
    public NoiseSchedule Schedule { get; }
    public Classes Classes { get; }
    public string DataHash { get; }

    /// <summary>Images labelled by what is unlearned and measured: classes, or styles.</summary>
    public Dataset Train { get; }
    public Dataset Test { get; }

    /// <summary>The same images labelled by condition: classes, or style·objects + object.</summary>
    public Dataset ConditionedTrain { get; }
    public Dataset ConditionedTest { get; }

    /// <summary>Conditions of each class.</summary>
    public int Objects { get; }

    /// <summary>Whether the denoiser is a text-conditional latent one.</summary>
    public bool IsCanvas => Labels is not null;

    /// <summary>Styles and objects of a text-conditional model's conditions; null where conditions are classes.</summary>
    public CanvasLabels? Labels { get; }

    /// <summary>The model's files, where a user brings them instead of training it in the run.</summary>
    public BroughtModel? Brought { get; }

    /// <summary>The shape of a text-conditional latent network.</summary>
    public UNet2DConditionConfig LatentNetwork => Brought?.Config.UNet ?? CanvasSubject.NetworkOf(Experiment, Train.Height);
    public Dataset Retain { get; }
    public Generation Generation { get; }

    /// <summary>How samples are put on a picture.</summary>
    public SampleSheet Sheet { get; }
    public Seed Seed => new(Experiment.Seed);

    /// <summary>The network's shape for this data.</summary>
    public static UNetConfig NetworkOf(NetworkSettings n, int classes, int size, int channels) =>
        new(classes, size, channels, n.Channels, n.Multipliers, n.ResBlocks, n.Attention, n.Dropout, n.NormGroups, n.Null);

    /// <summary>The same for an mlp.</summary>
    public static MlpConfig MlpOf(NetworkSettings n, int classes, int size, int channels) =>
        new(classes, channels * size * size, n.Channels, n.ResBlocks, n.Null);

    /// <summary>A fresh network; its first weights depend on the run seed and <paramref name="purpose"/>.</summary>
    public ITrainableDenoiser NewClassNetwork(string purpose)
    {
        using var generator = Seed.At(purpose).Generator();
        return NewClassNetwork(Experiment, Train, Device, generator);
    }

    /// <summary>A fresh network of an experiment for labelled images.</summary>
    internal static ITrainableDenoiser NewClassNetwork(Experiment e, Dataset images, Device device, Generator generator)
    {
        var (n, classes) = (e.Network, images.ClassNames.Count);
        return n.Kind == NetworkKind.Mlp
            ? new MlpDenoiser(MlpOf(n, classes, images.Height, images.Channels), device, generator)
            : new ClassConditionalUNet(NetworkOf(n, classes, images.Height, images.Channels), device, generator)
            {
                Precision = e.Precision,
            };
    }

    /// <summary>A network's shape in a line.</summary>
    public static string Shape(ITrainableDenoiser network) =>
        network switch
        {
            ClassConditionalUNet unet => unet.Config.ToString(),
            MlpDenoiser mlp => mlp.Config.ToString(),
            TextConditionedDenoiser text => text.UNet.Config.ToString(),
            _ => network.GetType().Name,
        };

    /// <summary>Batches for a stage; one <paramref name="purpose"/> for all methods gives them common random numbers.</summary>
    public IBatchSource Batches(string purpose, int batchSize, IImageCode code, Loader loader = Loader.Shuffled) =>
        new SeededBatches(
            Schedule,
            new DrawSettings(batchSize, Experiment.Diffusion.Times, Experiment.Diffusion.DropProbability, Experiment.Data.Flip, loader),
            Seed.At(purpose),
            Device,
            code
        );

    /// <summary>The network in words.</summary>
    public string NetworkText()
    {
        var (shape, parameters) = Declared();
        return $"{shape}, {parameters.Sum(p => p.Count):n0} parameters";
    }

    // The network's shape and parameters, without the memory of one.
    private (string Shape, IReadOnlyList<Parameter> Parameters) Declared()
    {
        if (IsCanvas)
        {
            var latent = LatentNetwork;
            return (latent.ToString(), UNet2DConditionModel.Declared(latent));
        }

        var (n, classes) = (Experiment.Network, Train.ClassNames.Count);
        if (n.Kind == NetworkKind.Mlp)
        {
            var mlp = MlpOf(n, classes, Train.Height, Train.Channels);
            return (mlp.ToString(), MlpDenoiser.Declared(mlp));
        }

        var unet = NetworkOf(n, classes, Train.Height, Train.Channels);
        return (unet.ToString(), ClassConditionalUNet.Declared(unet));
    }

    /// <summary>Styles and objects of a data set whose conditions are prompts; null of any other.</summary>
    public static CanvasLabels? LabelsOf(string data) =>
        data switch
        {
            UnlearnCanvas => CanvasLabels.Released,
            MiniCanvas => MiniCanvasSet.Labels,
            _ => null,
        };

    private static int SideOf(Experiment e) => e.Data.Size ?? CanvasPreparation.Unlearning.Side;

    private static DataSplits Load(Experiment e) =>
        e.Data.Name == UnlearnCanvas
            ? CanvasFolder.Splits(
                e.Data.Path
                    ?? throw new UserError(
                        $"data.path is not set: {UnlearnCanvas} needs the data set's folder; get it from {CanvasFolder.Sources}"
                    ),
                SideOf(e),
                e.Canvas.Pictures
            )
            : DatasetSource.Load(e.Data.Name, e.Data.Path, e.Data.Size);

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
        var declared = Declared().Parameters;
        foreach (var choice in choices)
            ParameterSelection.Parse(choice).Chosen(declared);
    }

    public void Dispose()
    {
        Train.Dispose();
        Test.Dispose();
        ConditionedTrain.Dispose();
        ConditionedTest.Dispose();
        Retain.Dispose();
    }
}
