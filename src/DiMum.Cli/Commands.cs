using System.CommandLine;
using System.CommandLine.Help;
using DiMum.Runs;

namespace DiMum.Cli;

/// <summary>The command line: thin, every verb calls one library entry. Nothing here touches libtorch, so --help answers at once.</summary>
internal static class Commands
{
    public static int Invoke(string[] args)
    {
        var parsed = Root().Parse(args.Length == 0 ? ["--help"] : args);
        if (parsed.Errors.Count > 0)
        {
            Console.Error.WriteLine($"dimum: {parsed.Errors[0].Message} See dimum --help.");
            return 2;
        }

        return parsed.Invoke(new InvocationConfiguration { EnableDefaultExceptionHandler = false });
    }

    // A RootCommand is called after its assembly; this one after what people type.
    private static Command Root() =>
        new(
            "dimum",
            """
            Irreversible machine unlearning for diffusion models: DiMUM, the baselines, and DiMRA, the attack that tells them apart.

            Start with:  dimum demo
            """
        )
        {
            Demo(),
            RunFile(),
            Pretrain(),
            Unlearn(),
            Attack(),
            Sample(),
            Evaluate(),
            Report(),
            StudyCommand.Create(),
            ProfileCommand.Create(),
            VerifyCommand.Create(),
            Doctor(),
            new HelpOption(),
            new VersionOption(),
        };

    private static Command Demo()
    {
        var shared = new SharedOptions();
        var canvas = new Option<bool>("--canvas")
        {
            Description =
                "The style half: a small text-to-image model of drawn pictures unlearns a style (preset canvas-mini). "
                + "Its pre-training takes about half an hour on two cores and is kept for the next run.",
        };
        var command = new Command(
            "demo",
            """
            The paper's whole experiment in minutes, on built-in handwritten digits: pre-train, unlearn a class by several methods, attack with DiMRA, report.

            Example:  dimum demo --set seed=2 --set unlearn.class=7
            """
        )
        {
            canvas,
        };
        return shared.On(command, parse => Verbs.Run(parse.GetValue(canvas) ? "canvas-mini" : "digits", shared.Read(parse), dryRun: false));
    }

    private static Command RunFile()
    {
        var shared = new SharedOptions();
        var file = Experiment();
        var dry = new Option<bool>("--dry-run") { Description = "Print the resolved experiment and its stages; run nothing." };
        var command = new Command(
            "run",
            """
            Run an experiment from a YAML file or a built-in preset; finished stages are skipped, an interrupted one goes on.

            Example:  dimum run presets/cifar10-mini.yaml --set data=cifar-10-batches-bin
            """
        )
        {
            file,
            dry,
        };
        return shared.On(command, parse => Verbs.Run(parse.GetValue(file)!, shared.Read(parse), parse.GetValue(dry)));
    }

    private static Command Pretrain()
    {
        var shared = new SharedOptions();
        var file = Experiment();
        var command = new Command("pretrain", "Pre-train only.\n\nExample:  dimum pretrain digits --out runs/mine") { file };
        return shared.On(command, parse => Verbs.Pretrain(parse.GetValue(file)!, shared.Read(parse)));
    }

    private static Command Unlearn()
    {
        var shared = new SharedOptions();
        var target = RunOrExperiment();
        var method = new Option<string>("--method")
        {
            Description = $"One that the experiment has, of {string.Join(", ", MethodRegistry.Names)}.",
            Required = true,
        };
        var command = new Command(
            "unlearn",
            "Unlearn by one method (pre-training first where it is missing).\n\nExample:  dimum unlearn runs/digits --method SalUn"
        )
        {
            target,
            method,
        };
        return shared.On(command, parse => Verbs.Unlearn(parse.GetValue(target)!, parse.GetValue(method)!, shared.Read(parse)));
    }

    private static Command Attack()
    {
        var shared = new SharedOptions();
        var target = new Argument<string>("run-or-checkpoint") { Description = "A run folder, or a model.safetensors of one." };
        var method = new Option<string?>("--method") { Description = "Whose model to attack, with a run folder." };
        var assumption = new Option<string>("--assumption")
        {
            Description = "i (retain set), ii-a (test split) or ii-b (synthesised).",
            DefaultValueFactory = _ => "i",
        };
        var experiment = new Option<string?>("--experiment")
        {
            Description = "Experiment of a checkpoint that lies outside its run folder.",
        };
        var command = new Command(
            "attack",
            "DiMRA against a method's model or any checkpoint; evaluates along the way.\n\nExample:  dimum attack runs/digits --method DiMUM --assumption ii-a --set attack.iterations=800"
        )
        {
            target,
            method,
            assumption,
            experiment,
        };
        return shared.On(
            command,
            parse =>
                Verbs.Attack(
                    parse.GetValue(target)!,
                    parse.GetValue(method),
                    parse.GetValue(assumption)!,
                    parse.GetValue(experiment),
                    shared.Read(parse)
                )
        );
    }

    private static Command Sample()
    {
        var shared = new SharedOptions();
        var target = new Argument<string>("checkpoint") { Description = "A model.safetensors of a run." };
        var classes = new Option<string>("--class") { Description = "Class name or index, or all.", DefaultValueFactory = _ => "all" };
        var count = new Option<int>("--count") { Description = "Images a class.", DefaultValueFactory = _ => 8 };
        var png = new Option<string>("--png") { Description = "Where to write the sheet.", DefaultValueFactory = _ => "samples.png" };
        var experiment = new Option<string?>("--experiment")
        {
            Description = "Experiment of a checkpoint that lies outside its run folder.",
        };
        var command = new Command(
            "sample",
            "Generate images into a PNG sheet.\n\nExample:  dimum sample runs/digits/stages/pretrain-*/model.safetensors --class 3 --count 16"
        )
        {
            target,
            classes,
            count,
            png,
            experiment,
        };
        return shared.On(
            command,
            parse =>
                Verbs.Sample(
                    parse.GetValue(target)!,
                    parse.GetValue(classes)!,
                    parse.GetValue(count),
                    parse.GetValue(png)!,
                    parse.GetValue(experiment),
                    shared.Read(parse)
                )
        );
    }

    private static Command Evaluate()
    {
        var shared = new SharedOptions();
        var sets = new ImageSets();
        var target = new Argument<string?>("checkpoint") { Description = "A model.safetensors of a run.", Arity = ArgumentArity.ZeroOrOne };
        var experiment = new Option<string?>("--experiment")
        {
            Description = "Experiment of a checkpoint that lies outside its run folder.",
        };
        var command = new Command(
            "evaluate",
            """
            Measure a checkpoint (AR, retained accuracy, Fréchet distance), or compare two sets of images (FID, sFID, KID, precision, recall, IS).

            Example:  dimum evaluate runs/digits/stages/pretrain-*/model.safetensors
                      dimum evaluate --samples A --reference B --inception pt_inception-2015-12-05-6726825d.pth
            """
        )
        {
            target,
            experiment,
        };
        sets.AddTo(command);
        CancellationToken Alone(ParseResult parse)
        {
            var read = shared.Read(parse);
            string?[] others = [parse.GetValue(target), parse.GetValue(experiment), read.Out];
            return others.All(o => o is null) && read.Settings.All(s => s.StartsWith("device=", StringComparison.Ordinal))
                ? read.Cancel
                : throw new UserError(
                    "evaluate: a checkpoint, --experiment, --out and --set belong to the measuring of a checkpoint; with --samples and --reference leave them out"
                );
        }

        return shared.On(
            command,
            parse =>
                sets.Asked(parse)
                    ? sets.Run(parse, shared.Device(parse), Alone(parse))
                    : Verbs.Evaluate(parse.GetValue(target), parse.GetValue(experiment), shared.Read(parse))
        );
    }

    private static Command Report()
    {
        var folder = new Argument<string>("run") { Description = "A run folder with results.json." };
        var command = new Command(
            "report",
            "Write report.html, tables and figures of a finished run again.\n\nExample:  dimum report runs/digits"
        )
        {
            folder,
        };
        command.SetAction(parse => Guarded.Call(_ => Verbs.Report(parse.GetValue(folder)!)));
        return command;
    }

    private static Command Doctor()
    {
        var command = new Command(
            "doctor",
            "What this machine offers: libtorch, devices, threads, memory; what is missing and how to get it.\n\nExample:  dimum doctor"
        );
        command.SetAction(_ => Guarded.Call(_ => Verbs.Doctor()));
        return command;
    }

    private static Argument<string> Experiment() => new("experiment") { Description = "A YAML file, or the name of a preset." };

    private static Argument<string> RunOrExperiment() =>
        new("run-or-experiment") { Description = "A run folder, a YAML file or the name of a preset." };
}
