using System.Diagnostics;
using System.IO.Enumeration;
using DiMum.Nets;
using DiMum.Verification.Cases;
using static TorchSharp.torch;

namespace DiMum.Verification;

/// <summary>
/// Verifies this library against golden vectors: runs every case of a folder and compares with what the authors' code gave. A case is told by
/// the beginning of its <c>case</c> and by what its file holds, never by file name, size, label or rate.
/// </summary>
public static class Verifier
{
    private static readonly IReadOnlyDictionary<string, Action<CaseRun>> Handlers = new Dictionary<string, Action<CaseRun>>
    {
        ["rule"] = RuleCase.Run,
        ["schedule"] = ScheduleCase.Run,
        ["unet_forward"] = ForwardCase.Run,
        ["loss_and_grads"] = LossCase.Run,
        ["diffusion_ops"] = DiffusionCase.Run,
        ["adam"] = AdamCase.Run,
        ["ema_clip"] = EmaClipCase.Run,
        ["image_export"] = ImageCase.Run,
        ["salun_mask"] = MaskCase.Saliency,
        ["sfron_fisher"] = MaskCase.Fisher,
        ["sfron_adaptive_loss"] = AdaptiveLossCase.Run,
        ["salun_steps"] = StepCase.Run,
        ["ga_salun"] = StepCase.Run,
        ["train_steps"] = StepCase.Run,
        ["dimum_steps"] = StepCase.Run,
        ["sfron_steps"] = StepCase.Run,
        ["sfron_ga"] = StepCase.Run,
        ["erasediff_loss"] = LossCase.Erasing,
        ["erasediff_steps"] = EraseDiffCase.Run,
        ["uc_ediff_steps"] = CanvasCase.EraseDiff,
        ["uc_salun_mask"] = CanvasCase.Mask,
        ["uc_salun_steps"] = CanvasCase.SalUn,
        ["uc_shs_steps"] = CanvasCase.Scissorhands,
        ["fid_frechet"] = FrechetCase.Run,
        ["sd_rule_vectors"] = SdRuleCase.Run,
        ["sd_unet"] = SdUNetCase.Run,
        ["sd_vae"] = SdAutoencoderCase.Run,
        ["clip_tokenizer"] = TokenizerCase.Run,
        ["clip_text"] = ClipTextCase.Run,
        ["sd_v15_manifest"] = SdManifestCase.Run,
        ["cfg_combination"] = GuidanceCase.Run,
        ["sched_diffusers_sd"] = SolverCase.Diffusers,
        ["sched_compvis_sd"] = SolverCase.CompVis,
        ["sched_published_full_loops"] = PublishedLoopCase.Run,
        ["sched_tables_add_noise"] = SolverTableCase.Run,
        ["fid_kid"] = KidCase.Run,
        ["fid_precision_recall"] = PrecisionRecallCase.Run,
        ["fid_inception_score"] = InceptionScoreCase.Run,
        ["sd_inception"] = InceptionCase.Run,
        ["sd_inception_manifest"] = InceptionManifestCase.Run,
    };

    /// <summary>Runs the golden files of a folder, one after the other, as they are asked for.</summary>
    /// <param name="folder">Holds <c>*.json</c>.</param>
    /// <param name="device">Where to compute.</param>
    /// <param name="precision">float32 (the default) or float64.</param>
    /// <param name="only">A pattern with <c>*</c> and <c>?</c> for the file names without extension; null for all.</param>
    /// <exception cref="UserError">There is no such folder, or no file matches.</exception>
    public static IEnumerable<CaseResult> Run(string folder, Device device, ScalarType? precision = null, string? only = null)
    {
        if (!Directory.Exists(folder))
            throw new UserError($"golden vectors: there is no folder '{folder}'");
        var files = Directory
            .EnumerateFiles(folder, "*.json")
            .Where(f => only is null || FileSystemName.MatchesSimpleExpression(only, Path.GetFileNameWithoutExtension(f)))
            .Order(StringComparer.Ordinal)
            .ToList();
        if (files.Count == 0)
            throw new UserError($"golden vectors: no file{(only is null ? "" : $" like '{only}'")} in '{folder}'");
        return files.Select(f => RunFile(f, device, precision ?? ScalarType.Float32));
    }

    /// <summary>Runs one file; <paramref name="disturb"/> may spoil the weights first, to show that a comparison notices.</summary>
    internal static CaseResult RunFile(string path, Device device, ScalarType precision, Action<ParameterVector>? disturb = null)
    {
        var clock = Stopwatch.StartNew();
        var name = Path.GetFileNameWithoutExtension(path);
        var checker = new Checker();
        GoldenFile? file = null;
        CaseResult Result(CaseStatus status, string message) =>
            new(
                name,
                path,
                status,
                checker.Checks,
                checker.Worst,
                checker.WorstAt,
                message,
                clock.Elapsed.TotalSeconds,
                status == CaseStatus.Pending ? [] : [.. file?.Unused() ?? [], .. checker.Unknown.Select(p => p.TrimStart('/'))],
                checker.Skipped
            );
        try
        {
            file = GoldenFile.Open(path);
            name = file.Case;
            using var scope = NewDisposeScope();
            Handler(name)(new CaseRun(file, checker, device, precision, disturb));
            if (checker.Failures > 0)
                return Result(CaseStatus.Failed, checker.Message);
            return checker.Checks > 0
                ? Result(CaseStatus.Passed, "")
                : Result(CaseStatus.Pending, "the file holds nothing that is compared");
        }
        catch (NotCovered reason)
        {
            return checker.Failures > 0 ? Result(CaseStatus.Failed, checker.Message) : Result(CaseStatus.Pending, reason.Message);
        }
        catch (Exception error)
        {
            var what = error is UserError or Mismatch ? error.Message : $"{error.GetType().Name}: {error.Message}";
            var where = what.Contains(path, StringComparison.Ordinal) ? what : $"{path}: {what}";
            return Result(CaseStatus.Failed, checker.Failures > 0 ? $"{checker.Message}; then {where}" : where);
        }
        finally
        {
            file?.Dispose();
        }
    }

    // The longest known beginning that ends where a word ends: salun_steps_mask2 is a salun_steps, salun_stepsize is none.
    private static Action<CaseRun> Handler(string name)
    {
        bool Begins(string kind) =>
            name.StartsWith(kind, StringComparison.Ordinal) && (name.Length == kind.Length || !char.IsLetter(name[kind.Length]));
        var known = Handlers.Keys.Where(Begins).MaxBy(kind => kind.Length);
        return known is not null ? Handlers[known] : throw new NotCovered($"nothing runs cases of the kind '{name}' yet");
    }
}
