/// Splits and the memorization set, Eq. (9).
module DiMum.Properties.PairingLaws

open DiMum.Spec

let private forgotten (set: LabelledSet) = Pairing.forget set.IsForgotten set.Pairs

let private retained (set: LabelledSet) = Pairing.retain set.IsForgotten set.Pairs

let private nextOf unlearned own = own = Pairing.nextClass 10 unlearned
let private anyOf _ _ = true

[<Law "L18">]
let ``memorization images come from the retain set and conditions from the forget set`` (set: LabelledSet) =
    let retain, forget = retained set, forgotten set

    for alternative in [ nextOf; anyOf ] do
        for image, condition in Pairing.memorization alternative retain forget do
            Expect.holds $"image {image} is not retained" (retain |> List.map fst |> List.contains image)
            Expect.equal set.Forgotten condition

[<Law "L18">]
let ``the paper's memorization images are all images of the next class, each once`` (set: LabelledSet) =
    let expected = set.Pairs |> List.filter (fun (_, label) -> label = (set.Forgotten + 1) % 10) |> List.map fst

    Expect.equal expected (Pairing.memorization nextOf (retained set) (forgotten set) |> List.map fst)

[<Law "L18">]
let ``image and condition of a memorization pair are independent: each meets each exactly once`` (set: LabelledSet) =
    let low label = label < 4
    let retain = Pairing.retain low set.Pairs
    let forget = Pairing.forget low set.Pairs
    let conditions = forget |> List.map snd |> List.distinct
    let pairs = Pairing.memorization anyOf retain forget
    Expect.equal (retain.Length * conditions.Length) pairs.Length
    Expect.equal pairs.Length (List.distinct pairs).Length
    Expect.equal (List.allPairs (List.map fst retain) conditions |> List.sort) (List.sort pairs)

[<Law "L19">]
let ``forget and retain set are disjoint and together the data`` (set: LabelledSet) =
    let forget, retain = forgotten set, retained set
    Expect.equal [] (forget |> List.filter (fun pair -> List.contains pair retain))
    Expect.equal set.Pairs (List.sort (forget @ retain))
    Expect.holds "nothing to forget" (not forget.IsEmpty)

[<Law "L20">]
let ``the attacker never holds the unlearned condition, and under the first assumption holds the retain set``
    (train: LabelledSet)
    (test: LabelledSet)
    =
    for assumption in [ Pairing.RetainSet; Pairing.OtherData ] do
        let held = Pairing.auxiliary assumption train.IsForgotten train.Pairs test.Pairs
        Expect.holds "the unlearned condition is held" (held |> List.forall (fun (_, label) -> label <> train.Forgotten))

    Expect.equal (retained train) (Pairing.auxiliary Pairing.RetainSet train.IsForgotten train.Pairs test.Pairs)

    Pairing.auxiliary Pairing.OtherData train.IsForgotten train.Pairs test.Pairs
    |> Expect.equal (test.Pairs |> List.filter (fun (_, label) -> label <> train.Forgotten))

[<Law "L30">]
let ``renaming the classes renames the splits and the memorization set`` (set: LabelledSet) (shift: int) =
    let rename label = ((label + shift) % 10 + 10) % 10

    let renamed =
        { Labels = List.map rename set.Labels
          Forgotten = rename set.Forgotten }

    let both (pairs: (int * int) list) = pairs |> List.map (fun (image, label) -> image, rename label)

    Expect.equal (both (forgotten set)) (forgotten renamed)
    Expect.equal (both (retained set)) (retained renamed)

    Pairing.memorization nextOf (retained renamed) (forgotten renamed)
    |> Expect.equal (both (Pairing.memorization nextOf (retained set) (forgotten set)))
