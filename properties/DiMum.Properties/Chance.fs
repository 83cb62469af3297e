/// Laws that hold with high probability only. Each states its false-alarm probability α as a number, and the sum of all α is the budget.
///
/// A p-value can be made and read in this file alone, and a law can be made by `Chance.law` alone, which puts it on the list: no statistical
/// test is outside the budget. The bounds are rigorous at any sample size (Chernoff and Hoeffding; Dvoretzky, Kiefer and Wolfowitz with
/// Massart's constant), not asymptotic ones: the stated α is an upper bound on the probability of a false alarm.
module DiMum.Properties.Chance

open System
open System.Collections.Generic

/// α of a law on a commit, under a fixed seed: a seed that fails would have to be a one-in-a-billion one.
let onCommit = 1e-9

/// α of a law at night, under a fresh seed.
let nightly = 1e-4

/// The most that all laws together may add up to, on a commit and in a night.
let budgetOnCommit = 1e-7

let budgetNightly = 1e-2

/// How unlikely what was seen is where the law holds: an upper bound on the probability of something at least as far off.
type Evidence = private { Likelihood: float; What: string }

let private evidence likelihood what = { Likelihood = min 1.0 likelihood; What = what }

/// The least likely of several, times their number (Bonferroni).
let all (parts: Evidence list) =
    let least = parts |> List.minBy _.Likelihood
    evidence (least.Likelihood * float parts.Length) least.What

/// Chernoff and Hoeffding: P(X ≥ k) ≤ exp(−n·KL(k/n ‖ p)) for k > np, and likewise below; holds for draws without replacement as well.
let private tail p k n =
    let q = float k / float n
    let part a b = if a = 0.0 then 0.0 else a * log (a / b)
    exp (-(float n) * (part q p + part (1.0 - q) (1.0 - p)))

/// `count` of `n` independent draws, each a hit with probability p.
let share p count n =
    evidence (2.0 * tail p count n) $"{count} of {n} where {p:g4} of them were to be expected"

/// The same where at least p of them are to be hits.
let atLeast p count n =
    let likelihood = if float count >= p * float n then 1.0 else tail p count n
    evidence likelihood $"{count} of {n} where at least {p:g4} of them were to be expected"

/// Counts of draws from a distribution given by its probabilities.
let cells (probabilities: float[]) (counts: int[]) =
    let n = Array.sum counts
    Array.map2 (fun p count -> share p count n) probabilities counts |> List.ofArray |> all

/// Largest distance between the empirical distribution function and `cdf`: P(D > d) ≤ 2·exp(−2nd²).
let distributed (cdf: float -> float) (sample: float[]) =
    let n = float sample.Length

    let distance =
        Array.sort sample
        |> Array.mapi (fun i x ->
            let below = cdf x
            max (abs (float (i + 1) / n - below)) (abs (float i / n - below)))
        |> Array.max

    evidence (2.0 * exp (-2.0 * n * distance * distance)) $"a distance of {distance:g3} over {sample.Length} values"

/// Two samples of one distribution, n = m ≥ 458: P(D > d) ≤ 2·exp(−nd²) (Wei and Dudley 2012).
let alike (a: float[]) (b: float[]) =
    if a.Length <> b.Length || a.Length < 458 then
        invalidArg (nameof b) "the bound wants two samples of one size, at least 458"

    let tagged = Array.append (Array.map (fun x -> x, 1) a) (Array.map (fun x -> x, -1) b) |> Array.sortBy fst
    let n = float a.Length
    let mutable sum, distance = 0, 0.0

    for i in 0 .. tagged.Length - 1 do
        sum <- sum + snd tagged[i]

        // Equal values count together.
        if i = tagged.Length - 1 || fst tagged[i + 1] <> fst tagged[i] then
            distance <- max distance (abs (float sum) / n)

    evidence (2.0 * exp (-n * distance * distance)) $"a distance of {distance:g3} over {a.Length} values each"

/// Normal with the given mean and standard deviation.
let normal mean deviation x = MathNet.Numerics.Distributions.Normal.CDF(mean, deviation, x)

/// A law of the list, beside a wrong variant that it must reject.
[<ReferenceEquality>]
type StatisticalLaw =
    private
        { Law: string
          Says: string
          Draw: Lib.Seed -> Evidence
          Wrong: Lib.Seed -> Evidence }

    /// The id in docs/verification.md.
    member law.Id = law.Law

    member law.Sentence = law.Says

    override law.ToString() = $"{law.Law}: {law.Says}"

let private register = List<StatisticalLaw>()
let mutable private closed = false

/// Every law that was made.
let registered: IReadOnlyList<StatisticalLaw> = register

/// A law by what it draws, right and wrong.
let law id sentence draw wrong =
    if closed then
        failwith $"'{sentence}' is made outside StatisticalLaws, so its false alarms would not be counted; move it there"

    let law = { Law = id; Says = sentence; Draw = draw; Wrong = wrong }

    register.Add law
    law

/// The list of all laws; none can be made after it.
let only (laws: StatisticalLaw list) =
    closed <- true
    laws

let private verdict alpha draw (law: StatisticalLaw) (seed: int64) =
    let evidence = draw law ((Lib.Seed seed).At law.Says)
    evidence.Likelihood >= alpha, $"{law}: {evidence.What}; at most {evidence.Likelihood:g3} likely, α = {alpha:g1}, seed {seed}"

/// Whether the law holds on a seed at level α, and what was seen.
let check alpha law seed = verdict alpha _.Draw law seed

/// Whether its wrong variant passes, at the level of a commit.
let checkWrong law seed = verdict onCommit _.Wrong law seed
