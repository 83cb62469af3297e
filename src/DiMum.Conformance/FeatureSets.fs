namespace DiMum.Conformance

open FsCheck
open FsCheck.FSharp

/// Rows of features of generated images and of a reference: one dimension, at least six rows each.
[<StructuredFormatDisplay("{Text}")>]
type FeatureSets =
    { Generated: float[][]
      Reference: float[][] }

    /// On one line, so that a counterexample can be read.
    member sets.Text =
        let row (values: float[]) = values |> Array.map (sprintf "%g") |> String.concat " "
        let rows set = set |> Array.map row |> String.concat ", "
        $"generated [{rows sets.Generated}], reference [{rows sets.Reference}]"

/// Generators of the laws on metrics.
type FeatureGenerators =
    static member Float() : Arbitrary<float> = Generators.Float()

    static member Share() : Arbitrary<Share> = Generators.Share()

    static member FeatureSets() : Arbitrary<FeatureSets> =
        let least = 6

        let sets =
            gen {
                let! dimension = Gen.choose (1, 4)

                let rows =
                    Gen.choose (least, 12)
                    |> Gen.bind (fun n -> Gen.arrayOfLength n (Gen.arrayOfLength dimension (Generators.Float().Generator)))

                let! generated = rows
                let! reference = rows
                return { Generated = generated; Reference = reference }
            }

        let fewer (rows: float[][]) = if rows.Length > least then [ Array.tail rows ] else []

        let shrink sets =
            seq {
                if sets.Reference[0].Length > 1 then
                    { Generated = sets.Generated |> Array.map Array.tail
                      Reference = sets.Reference |> Array.map Array.tail }

                for generated in Seq.append (fewer sets.Generated) (Generators.Simpler sets.Generated) do
                    { sets with Generated = generated }

                for reference in Seq.append (fewer sets.Reference) (Generators.Simpler sets.Reference) do
                    { sets with Reference = reference }
            }

        Arb.fromGenShrink (sets, shrink)
