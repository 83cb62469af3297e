/// Which images go with which conditions. A pairing is a list of (image, condition); the image may be an index.
module DiMum.Spec.Pairing

/// What the attacker of Eq. (7) holds: the retain set, or other data without the unlearned concept.
type Assumption =
    | RetainSet
    | OtherData

/// D_u = { (x₀, c) ∈ D : c is to be unlearned }
let forget forgotten (data: ('x * 'c) list) = data |> List.filter (fun (_, c) -> forgotten c)

/// D_r = D \ D_u
let retain forgotten (data: ('x * 'c) list) = data |> List.filter (fun (_, c) -> not (forgotten c))

/// D_a: D_r itself, or the other data without the unlearned conditions
let auxiliary assumption forgotten (train: ('x * 'c) list) (other: ('x * 'c) list) =
    match assumption with
    | RetainSet -> retain forgotten train
    | OtherData -> retain forgotten other

/// Eq. (9):  D_m = { (x_m, c_u) : x_m from the alternative images in D_r, c_u a condition of D_u }
/// `alternative c_u c` says whether an image of condition c stands in for c_u.
let memorization alternative (retained: ('x * 'c) list) (forgotten: ('x * 'c) list) =
    [ for image, own in retained do
          for unlearned in forgotten |> List.map snd |> List.distinct do
              if alternative unlearned own then
                  image, unlearned ]

/// The paper's alternative on CIFAR-10, c + 1 mod the number of classes: the next class.
let nextClass classes (c: int) = (c + 1) % classes
