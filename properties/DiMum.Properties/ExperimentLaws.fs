/// Experiments as YAML and as stage keys.
module DiMum.Properties.ExperimentLaws

open System
open NUnit.Framework
open FsCheck
open DiMum.Runs
open Experiments

let private reread (text: string) =
    Lib.YamlRecord.Bind<Lib.Experiment>(Lib.YamlRecord.Parse(text, "law"), "law")

[<Law "L46">]
let ``an experiment written and read is the same experiment`` (seed: int) =
    let experiment = random seed
    let text = Lib.YamlRecord.Write experiment
    let again = reread text
    Expect.holds $"another experiment from\n{text}\ngives\n{Lib.YamlRecord.Write again}" (same experiment again)
    Expect.equal text (Lib.YamlRecord.Write again)

[<Test; Category "L46">]
let ``the experiment of all defaults, written and read, is itself`` () =
    let experiment = Lib.Experiment()
    Expect.holds "another experiment" (same experiment (reread (Lib.YamlRecord.Write experiment)))

/// Counterexamples that the law above found: a lone hyphen was read as a list, a line break as a space.
[<TestCase "-">]
[<TestCase "---">]
[<TestCase "a\nb">]
[<TestCase "\u0085">]
[<TestCase "null">]
[<Category "L46">]
let ``a name that means something else in YAML is read as it was written`` (name: string) =
    let again = reread (Lib.YamlRecord.Write(Lib.Experiment(Name = name)))
    Expect.equal name again.Name

[<Test; Category "L46">]
let ``every preset, written and read, is itself`` () =
    for name in Lib.Presets.Names do
        let preset = Lib.Presets.Load(name, [])
        Expect.holds $"{name} becomes another" (same preset (reread (Lib.YamlRecord.Write preset)))

[<Law "L46">]
let ``a mistyped key is refused, and the nearest key is named`` (seed: PositiveInt) =
    let random = Random seed.Get
    let all = keys typeof<Lib.Experiment>
    let path, key = all[random.Next all.Length]
    let siblings = all |> List.filter (fun (p, _) -> p = path) |> List.map snd
    let place = random.Next key.Length

    let wrong =
        match random.Next 3 with
        | 0 -> key.Remove(place, 1)
        | 1 -> key.Insert(place, "q")
        | _ -> key.Remove(place, 1).Insert(place, "q")

    if wrong <> "" && not (List.contains wrong siblings) then
        let lines = [ for depth, parent in List.indexed path -> String(' ', 2 * depth) + parent + ":" ]
        let text = String.Join("\n", lines @ [ String(' ', 2 * path.Length) + wrong + ": 1" ])
        let message = World.mistake text (fun () -> reread text |> ignore)
        let full = String.Join(".", path @ [ wrong ])
        let line = path.Length + 1
        Expect.holds message (message.StartsWith $"law:{line}: unknown key '{full}'")

        match Lib.Nearest.Of(wrong, siblings) with
        | null -> Expect.holds message (siblings |> List.forall (fun sibling -> message.Contains sibling))
        | nearest -> Expect.holds message (message.Contains $"did you mean '{nearest}'")

[<Test; Category "L46">]
let ``a value of the wrong kind is refused by a line that names its key`` () =
    for text, key in
        [ "seed: x", "seed"
          "seed: 1.5", "seed"
          "data: digits", "data"
          "data:\n  flip: 3", "data.flip"
          "pretrain:\n  rate: .nan", "pretrain.rate"
          "pretrain:\n  rate: [1]", "pretrain.rate"
          "sampling:\n  sampler: dpm", "sampling.sampler"
          "unlearn:\n  methods: [3]", "unlearn.methods"
          "network:\n  multipliers: [1, a]", "network.multipliers" ] do
        let message = World.mistake text (fun () -> reread text |> ignore)
        Expect.holds $"{text}: {message}" (message.Contains key)

[<Law("L45", 30)>]
let ``an experiment read back has its key, and one with any value changed has another`` (seed: int) =
    let experiment = random seed
    let key = Lib.StageFolder.KeyOf experiment
    Expect.equal key (Lib.StageFolder.KeyOf(reread (Lib.YamlRecord.Write experiment)))

    for path, other in changed experiment do
        Expect.holds $"{path} does not change the key" (Lib.StageFolder.KeyOf other <> key)

[<Test; Category "L45">]
let ``all one-value changes of the default experiment have keys of their own`` () =
    let variants = changed (Lib.Experiment())
    let keys = variants |> List.map (fun (_, other) -> Lib.StageFolder.KeyOf other)
    Expect.holds $"only {variants.Length} values" (variants.Length > 60)
    let all = Lib.StageFolder.KeyOf(Lib.Experiment()) :: keys
    Expect.equal all.Length (List.distinct all).Length

[<Law "L45">]
let ``a key depends on the parts in their order`` (a: NonEmptyString) (b: NonEmptyString) =
    let a, b = a.Get.Replace("\n", ""), b.Get.Replace("\n", "")

    if a <> b then
        Expect.holds "order does not matter" (Lib.StageFolder.KeyOf(a, b) <> Lib.StageFolder.KeyOf(b, a))
        Expect.holds "parts run together" (Lib.StageFolder.KeyOf(a, b) <> Lib.StageFolder.KeyOf(a + b))
        Expect.equal 12 (Lib.StageFolder.KeyOf a).Length
