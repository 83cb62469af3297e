namespace DiMum.Conformance

open System
open MathNet.Numerics.LinearAlgebra
open TorchSharp
open DiMum.Spec
open Tensors

/// What a metric says of itself beyond its interface; the laws hold it to that. With none of them set, only what every metric owes is checked.
[<AllowNullLiteral>]
type MetricClaims() =
    /// The number of a set beside itself, for example 0; a set that lies far away must then have another.
    member val OnItself = Nullable<float>() with get, set

    /// Whether generated and reference may change places.
    member val Symmetric = false with get, set

    /// Whether moving both sets by one vector leaves the number.
    member val ShiftInvariant = false with get, set

    /// Whether rotating both sets leaves the number.
    member val RotationInvariant = false with get, set

    /// Whether permuting the columns of both sets leaves the number.
    member val ColumnInvariant = false with get, set

    /// p, where scaling both sets by k > 0 scales the number by k^p.
    member val Scaling = Nullable<float>() with get, set

    /// The number is never below.
    member val Lowest = Nullable<float>() with get, set

    /// The number is never above.
    member val Highest = Nullable<float>() with get, set

    /// Whether the number is of the generated images alone.
    member val IgnoresReference = false with get, set

/// A metric with its claims.
type CheckedMetric = { Metric: Lib.ISetMetric; Claims: MetricClaims }

/// A metric of the library beside the specification's.
type MetricCase =
    {
        Name: string
        Checked: CheckedMetric
        Spec: float[][] -> float[][] -> float
        /// From the parts of the generated rows, each looked at by itself; none where every pair of rows is looked at.
        FromParts: (float[][] list -> float[][] -> float) option
    }

/// One record per metric: a new one gets every law by one record.
module Metrics =
    /// Rows as a tensor [n,d].
    let rows (values: float[][]) =
        shaped [| int64 values.Length; int64 values[0].Length |] (Array.concat values)

    let private moments (set: float[][]) =
        let moments = Lib.FeatureMoments set[0].Length
        moments.Add(Matrix<float>.Build.DenseOfRowArrays set)
        moments

    let private frechetFromParts (parts: float[][] list) reference =
        let sum = parts |> List.map moments |> List.reduce (fun a b -> a.Plus b)
        (Lib.Frechet(moments reference)).To(sum.Mean, sum.Covariance)

    let private scoreFromParts (parts: float[][] list) _ =
        let score = Lib.InceptionScore.InSplits(int64 (List.sumBy Array.length parts), 1)

        for part in parts do
            score.Add(rows part)

        let struct (mean, _) = score.Result
        mean

    let private highest (row: float[]) = Array.findIndex ((=) (Array.max row)) row

    let private share ofClass (set: float[][]) =
        Rate.value (set |> Array.filter (fun row -> highest row = ofClass) |> Array.length) set.Length

    let private shareFromParts ofClass (parts: float[][] list) _ =
        let share part =
            (Lib.ClassShareMetric ofClass :> Lib.ISetMetric).Of(rows part, rows part)

        let n = parts |> List.sumBy Array.length
        (parts |> List.sumBy (fun part -> share part * float part.Length)) / float n

    let private case (metric: Lib.ISetMetric) claims spec fromParts =
        { Name = metric.Name
          Checked = { Metric = metric; Claims = claims }
          Spec = spec
          FromParts = fromParts }

    let private k = 3

    let private overlap () =
        MetricClaims(
            OnItself = 1.0,
            ShiftInvariant = true,
            RotationInvariant = true,
            ColumnInvariant = true,
            Scaling = 0.0,
            Lowest = 0.0,
            Highest = 1.0
        )

    let private biased (x: float[][]) (y: float[][]) =
        let mean a b = Array.allPairs a b |> Array.averageBy (fun (u, v) -> Kid.kernel u v)
        mean x x + mean y y - 2.0 * mean x y

    let all =
        [ case
              (Lib.FrechetMetric())
              (MetricClaims(
                  OnItself = 0.0,
                  Symmetric = true,
                  ShiftInvariant = true,
                  RotationInvariant = true,
                  ColumnInvariant = true,
                  Scaling = 2.0,
                  Lowest = 0.0
              ))
              (fun generated reference -> Frechet.distance (Frechet.moments generated) (Frechet.moments reference))
              (Some frechetFromParts)
          case (Lib.KernelMetric()) (MetricClaims(Symmetric = true, RotationInvariant = true, ColumnInvariant = true)) Kid.distance None
          case
              (Lib.BiasedKernelMetric())
              (MetricClaims(OnItself = 0.0, Symmetric = true, RotationInvariant = true, ColumnInvariant = true, Lowest = 0.0))
              biased
              None
          case (Lib.PrecisionMetric k) (overlap ()) (fun generated reference -> PrecisionRecall.precision k reference generated) None
          case (Lib.RecallMetric k) (overlap ()) (fun generated reference -> PrecisionRecall.recall k reference generated) None
          case
              (Lib.InceptionScoreMetric())
              (MetricClaims(ColumnInvariant = true, Lowest = 1.0, IgnoresReference = true))
              (fun generated _ -> InceptionScore.score generated)
              (Some scoreFromParts)
          case
              (Lib.ClassShareMetric 0)
              (MetricClaims(Lowest = 0.0, Highest = 1.0, IgnoresReference = true))
              (fun generated _ -> share 0 generated)
              (Some(shareFromParts 0)) ]
