/// What any metric of sets of rows owes, and what it owes to its own claims.
module DiMum.Conformance.MetricLaws

open System
open System.Collections.Generic
open MathNet.Numerics.LinearAlgebra
open TorchSharp
open DiMum.Spec
open Tensors

let private law id sentence body = Law.over typeof<FeatureGenerators> 60 id sentence body

let private number (metric: Lib.ISetMetric) generated reference =
    use scope = torch.NewDisposeScope()
    metric.Of(Metrics.rows generated, Metrics.rows reference)

let private of' (subject: CheckedMetric) (sets: FeatureSets) = number subject.Metric sets.Generated sets.Reference

/// Rounding: of cancelled squares, and of roots of what is nearly zero.
let private tolerance (sets: FeatureSets) =
    let size (rows: float[][]) = rows |> Array.averageBy (fun x -> Vector.dot x x)
    1e-6 * (1.0 + size sets.Generated + size sets.Reference)

let private both change (sets: FeatureSets) =
    { Generated = change sets.Generated
      Reference = change sets.Reference }

let private same subject sets changed =
    Expect.near (max (tolerance sets) (tolerance changed)) (of' subject sets) (of' subject changed)

let private movedBy (shift: float[]) = Array.map (Vector.add shift)

let private dimension (sets: FeatureSets) = sets.Reference[0].Length

let states =
    law "L51" "a metric says its name and its source" (fun (subject: CheckedMetric) () ->
        Expect.holds "the name is empty" (not (String.IsNullOrWhiteSpace subject.Metric.Name))
        Expect.holds "the source is empty" (not (String.IsNullOrWhiteSpace subject.Metric.Source)))

let ordering =
    law "L37" "the order of the rows does not matter" (fun subject (sets: FeatureSets) ->
        same subject sets { sets with Generated = Array.rev sets.Generated }
        same subject sets { sets with Reference = Array.rev sets.Reference })

let precision =
    law "L37" "rows that float32 holds give one number in float32 and in float64" (fun (subject: CheckedMetric) (sets: FeatureSets) ->
        use scope = torch.NewDisposeScope()
        let sets = sets |> both (Array.map (Array.map round))
        let single set = (Metrics.rows set).to_type float32
        Expect.near (tolerance sets) (of' subject sets) (subject.Metric.Of(single sets.Generated, single sets.Reference)))

let leaving =
    law "L47" "measuring leaves its rows as they are, and no tensor" (fun (subject: CheckedMetric) (sets: FeatureSets) ->
        use scope = torch.NewDisposeScope()
        let generated, reference = Metrics.rows sets.Generated, Metrics.rows sets.Reference

        leavesNothing "a measurement" (fun () -> subject.Metric.Of(generated, reference) |> ignore)

        Expect.equal (Array.concat sets.Generated) (floats generated)
        Expect.equal (Array.concat sets.Reference) (floats reference))

let seeding =
    // A matrix product's last bits depend on where its rows lie in memory, so these are not the same bits.
    law "L53" "the global random generator decides nothing" (fun subject (sets: FeatureSets) ->
        let under (seed: int64) =
            torch.manual_seed seed |> ignore
            of' subject sets

        Expect.near (tolerance sets) (under 1L) (under 2L))

let range =
    law "L36" "the number is a number, and within the claimed range" (fun subject (sets: FeatureSets) ->
        let value = of' subject sets
        let slack = tolerance sets
        Expect.holds $"{value} is no number" (Double.IsFinite value)

        if subject.Claims.Lowest.HasValue then
            Expect.holds $"{value} is below {subject.Claims.Lowest}" (value >= subject.Claims.Lowest.Value - slack)

        if subject.Claims.Highest.HasValue then
            Expect.holds $"{value} is above {subject.Claims.Highest}" (value <= subject.Claims.Highest.Value + slack))

let itself =
    law "L36" "a set beside itself has the claimed number, and beside what lies far away another" (fun subject (sets: FeatureSets) ->
        if subject.Claims.OnItself.HasValue then
            let own = subject.Claims.OnItself.Value
            let twice = { sets with Generated = sets.Reference }
            Expect.near (tolerance twice) own (of' subject twice)
            let far = number subject.Metric (movedBy (Array.create (dimension sets) 1e4) sets.Reference) sets.Reference
            Expect.holds $"far away the number is {far} too" (abs (far - own) > 0.01))

let symmetric =
    law "L36" "where symmetry is claimed, generated and reference may change places" (fun subject (sets: FeatureSets) ->
        if subject.Claims.Symmetric then
            same subject sets { Generated = sets.Reference; Reference = sets.Generated })

let shifting =
    law "L36" "where it is claimed, moving both sets leaves the number" (fun subject (sets: FeatureSets) (by: float) ->
        if subject.Claims.ShiftInvariant then
            let shift = Array.init (dimension sets) (fun j -> by + float j)
            same subject sets (both (movedBy shift) sets))

/// The orthogonal factor of a matrix made from the seed.
let private rotation seed d =
    let random = Random(seed: int)
    (Matrix.Build.Dense(d, d, fun _ _ -> random.NextDouble() - 0.5)).QR().Q

let rotating =
    law "L36" "where it is claimed, rotating both sets leaves the number" (fun subject (sets: FeatureSets) (seed: int) ->
        if subject.Claims.RotationInvariant then
            let q = rotation seed (dimension sets)
            let turn = Array.map (fun (x: float[]) -> (q * Vector<float>.Build.DenseOfArray x).ToArray())
            same subject sets (both turn sets))

let renaming =
    law "L30" "where it is claimed, the order of the columns does not matter" (fun subject (sets: FeatureSets) ->
        if subject.Claims.ColumnInvariant then
            same subject sets (both (Array.map Array.rev) sets))

let scaling =
    law "L36" "scaling both sets by k scales the number by the claimed power of k" (fun subject (sets: FeatureSets) (Share share) ->
        if subject.Claims.Scaling.HasValue then
            for k in [ share; 1.0 / share ] do
                let scaled = both (Array.map (Vector.scale k)) sets
                let expected = (k ** subject.Claims.Scaling.Value) * of' subject sets
                Expect.near (max (tolerance sets) (tolerance scaled)) expected (of' subject scaled))

let alone =
    law "L36" "a number of the generated images alone does not see the reference" (fun subject (sets: FeatureSets) (by: float) ->
        if subject.Claims.IgnoresReference then
            let other = sets.Reference |> movedBy (Array.create (dimension sets) (1.0 + by)) |> Array.tail
            Expect.near (tolerance sets) (of' subject sets) (of' subject { sets with Reference = other }))

/// What any metric is held to.
let all: IReadOnlyList<ComponentLaw<CheckedMetric>> =
    [ states
      ordering
      precision
      leaving
      seeding
      range
      itself
      symmetric
      shifting
      rotating
      renaming
      scaling
      alone ]

let equation =
    law "L36" "the library's number is the specification's" (fun (case: MetricCase) (sets: FeatureSets) ->
        Expect.near (tolerance sets) (case.Spec sets.Generated sets.Reference) (of' case.Checked sets))

let merging =
    law "L37" "halves looked at one after the other are the whole" (fun (case: MetricCase) (sets: FeatureSets) ->
        match case.FromParts with
        | None -> ()
        | Some fromParts ->
            use scope = torch.NewDisposeScope()

            for cut in [ 1; sets.Generated.Length / 2 ] do
                let first, second = Array.splitAt cut sets.Generated
                Expect.near (tolerance sets) (of' case.Checked sets) (fromParts [ first; second ] sets.Reference))

/// What a metric is held to that the specification has too.
let equations: IReadOnlyList<ComponentLaw<MetricCase>> = [ equation; merging ]
