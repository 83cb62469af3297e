using DiMum.Metrics;

namespace DiMum.Runs;

/// <summary>All measures of one model at one step of a stage. Paths are relative to the run folder.</summary>
/// <param name="Step">Optimiser step of the stage at which the model was evaluated (0 = its starting point).</param>
/// <param name="ArUnlearned">Share of images generated under the unlearned class's condition that the classifier assigns to that class: AR_u, or AR_a under attack.</param>
/// <param name="ArAlternative">The same share for the alternative class.</param>
/// <param name="RetainedAccuracy">Share of images generated under retained classes that the classifier assigns to the asked class; null where it was not measured.</param>
/// <param name="Frechet">Fréchet distance on the classifier's features between retained-class samples and the retain set (not FID: no Inception network); null where it was not measured.</param>
/// <param name="Grid">PNG: one row a class, a few samples each; null where it was not drawn.</param>
/// <param name="Strip">PNG: one row of samples of the unlearned class.</param>
/// <param name="ObjectAccuracy">Share of images generated under retained prompts that show the asked object; null where conditions have none.</param>
public sealed record Evaluation(
    int Step,
    Measured ArUnlearned,
    Measured ArAlternative,
    Measured? RetainedAccuracy,
    Measured? Frechet,
    string? Grid,
    string? Strip,
    Measured? ObjectAccuracy = null
);

/// <summary>DiMRA (Eq. 7) against one method's model under one assumption.</summary>
/// <param name="Assumption"><c>i</c> retain set, <c>ii-a</c> test split without the class, <c>ii-b</c> images synthesised under the retain conditions.</param>
/// <param name="Curve">Evaluations along the attack, step 0 first.</param>
/// <param name="HighestAr">The highest AR_a over the K evaluated steps (Tables II and III), its interval corrected for K; see <see cref="CurveMaximum"/>.</param>
/// <param name="HighestAtStep">The step at which it was reached first.</param>
/// <param name="FirstStepAbove10Percent">The first evaluated step whose AR_a exceeds 10 %, or null.</param>
public sealed record AttackResult(
    string Assumption,
    IReadOnlyList<Evaluation> Curve,
    Measured HighestAr,
    int HighestAtStep,
    int? FirstStepAbove10Percent,
    double SecondsPerStep
);

/// <summary>One unlearning method: its curve during unlearning (Fig. 2), its final model and the attacks on it.</summary>
/// <param name="Name">As the registry names it: DiMUM, SalUn, SFR-on, gradient-ascent, fine-tune-retain, retrain.</param>
/// <param name="Reading"><c>as published</c> or <c>as released (repo@commit)</c>.</param>
/// <param name="Iterations">Outer iterations.</param>
/// <param name="Updates">Optimiser updates (SFR-on takes two an iteration).</param>
public sealed record MethodResult(
    string Name,
    string Reading,
    string Source,
    int Iterations,
    int Updates,
    double SecondsPerIteration,
    IReadOnlyList<Evaluation> Curve,
    Evaluation Final,
    IReadOnlyList<AttackResult> Attacks
)
{
    /// <summary>The attack under an assumption (<c>i</c>, <c>ii-a</c>, <c>ii-b</c>); null where it was not run.</summary>
    public AttackResult? Under(string assumption) => Attacks.FirstOrDefault(a => a.Assumption == assumption);
}

/// <summary>The classifier that measures accuracy rates and gives the features of the Fréchet distance.</summary>
/// <param name="Identity">Kind and key.</param>
/// <param name="TestAccuracy">Top-1.</param>
/// <param name="TestTopK">The same among the k likeliest classes; null in results of before it was measured.</param>
public sealed record ClassifierResult(string Identity, Measured TestAccuracy, Measured? TestTopK = null);

/// <summary>Everything a report shows of one run.</summary>
/// <param name="ExperimentYaml">The experiment as resolved.</param>
/// <param name="Settings">Name/value pairs for the report's settings table, in order.</param>
/// <param name="RealSamples">PNG: real training images, one row a class.</param>
/// <param name="Environment">Machine, threads, versions.</param>
public sealed record RunResults(
    string Name,
    string ExperimentYaml,
    IReadOnlyList<KeyValuePair<string, string>> Settings,
    string DataDescription,
    IReadOnlyList<string> ClassNames,
    int UnlearnedClass,
    IReadOnlyList<int> AlternativeClasses,
    long Seed,
    int PretrainSteps,
    double PretrainSecondsPerStep,
    ClassifierResult Classifier,
    string RealSamples,
    Evaluation Pretrained,
    IReadOnlyList<MethodResult> Methods,
    IReadOnlyList<KeyValuePair<string, string>> Environment,
    double TotalSeconds
);
