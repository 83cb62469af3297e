/// Random experiments, their copies with one value changed, and equality of what they say.
module DiMum.Properties.Experiments

open System
open System.Collections
open System.Collections.Generic
open System.Reflection

/// Texts that mean something else in YAML unless they are quoted.
let private awkward =
    [| "a"
       "next"
       ""
       "true"
       "null"
       "Null"
       "~"
       "1"
       "1e5"
       "0x1"
       "-"
       "--"
       "---"
       "- a"
       "-a"
       "a b"
       "x: y"
       "x:"
       ":"
       "#c"
       "a #b"
       "\"q\""
       "it's"
       "\\"
       "\\n"
       "a\nb"
       "a\r\nb"
       "tab\there"
       "\u0001"
       "\u0085"
       "\u2028"
       "é"
       "[x]"
       "{a}"
       "a, b"
       " lead"
       "trail "
       "*a"
       "&b"
       "!c"
       "%d"
       "@e"
       "`f"
       "?"
       "|"
       ">"
       "."
       "..."
       "_"
       "/x/y.z"
       "名" |]

let private properties (kind: Type) =
    kind.GetProperties(BindingFlags.Public ||| BindingFlags.Instance)
    |> Array.filter _.CanWrite
    |> Array.sortBy _.MetadataToken

let private isRecord (kind: Type) = kind.Namespace = "DiMum.Runs" && kind.IsClass

let private elementOf (kind: Type) =
    if kind.IsGenericType && kind.GetGenericTypeDefinition() = typedefof<IReadOnlyList<_>> then
        Some(kind.GetGenericArguments()[0])
    else
        None

let private list (element: Type) (items: objnull list) : objnull =
    let array = Array.CreateInstance(element, items.Length)
    items |> List.iteri (fun i item -> array.SetValue(item, i))
    array

let private make (kind: Type) : obj = nonNull (Activator.CreateInstance kind)

let private number (random: Random) =
    match random.Next 5 with
    | 0 -> 0.0
    | 1 -> float (random.Next 1000)
    | 2 -> -1.0 / 3.0
    | 3 -> random.NextDouble() * 1e-12
    | _ -> random.NextDouble() * 1e300

let rec private any (random: Random) (name: string) (kind: Type) : objnull =
    let inner = Nullable.GetUnderlyingType kind

    match elementOf kind with
    | Some element -> list element [ for _ in 1 .. random.Next 4 -> any random name element ]
    | None when inner <> null -> if random.Next 2 = 0 then null else any random name (nonNull inner)
    | None when isRecord kind ->
        let record = make kind

        for property in properties kind do
            property.SetValue(record, any random property.Name property.PropertyType)

        record
    | None when kind = typeof<string> ->
        if name = "Path" && random.Next 2 = 0 then
            null
        else
            awkward[random.Next awkward.Length]
    | None when kind = typeof<int> -> random.Next(Int32.MinValue, Int32.MaxValue)
    | None when kind = typeof<int64> -> random.NextInt64(Int64.MinValue, Int64.MaxValue)
    | None when kind = typeof<float> -> number random
    | None when kind = typeof<bool> -> random.Next 2 = 0
    | None ->
        let values = Enum.GetValues kind
        values.GetValue(random.Next values.Length)

/// Any values in any fields; sensible they need not be.
let random (seed: int) =
    nonNull (any (Random seed) "" typeof<Lib.Experiment>) :?> Lib.Experiment

/// Whether two records say the same, lists element by element.
let rec same (a: objnull) (b: objnull) =
    match a, b with
    | null, null -> true
    | null, _
    | _, null -> false
    | (:? string as a), (:? string as b) -> a = b
    | (:? IEnumerable as a), (:? IEnumerable as b) ->
        let a, b = Seq.cast<objnull> a |> List.ofSeq, Seq.cast<objnull> b |> List.ofSeq
        a.Length = b.Length && List.forall2 same a b
    | a, b when isRecord (a.GetType()) ->
        properties (a.GetType())
        |> Array.forall (fun property -> same (property.GetValue a) (property.GetValue b))
    | a, b -> a.Equals b

let private copy (record: obj) : obj =
    let clone = nonNull (record.GetType().GetMethod "<Clone>$")
    nonNull (clone.Invoke(record, [||]))

let rec private variants (kind: Type) (value: objnull) : (string * objnull) list =
    let inner = Nullable.GetUnderlyingType kind

    match elementOf kind, value with
    | Some element, (:? IEnumerable as items) ->
        let items = Seq.cast<objnull> items |> List.ofSeq
        let fresh: objnull = if isRecord element then make element else any (Random 1) "" element

        [ "[+]", list element (items @ [ fresh ])
          if not items.IsEmpty then
              "[-]", list element (List.tail items)
          for i, item in List.indexed items do
              for name, other in variants element item do
                  $"[{i}]{name}", list element (List.updateAt i other items) ]
    | _ when inner <> null -> [ "", (if isNull value then any (Random 1) "" (nonNull inner) else null) ]
    | _, null -> [ "", box "x" ]
    | _, (:? string as text) -> [ "", box (text + "x") ]
    | _, (:? int as n) -> [ "", box (n ^^^ 1) ]
    | _, (:? int64 as n) -> [ "", box (n ^^^ 1L) ]
    | _, (:? float as x) -> [ "", box (if x = 0.0 then 1e-300 else x * (1.0 + 1e-15)) ]
    | _, (:? bool as b) -> [ "", box (not b) ]
    | _, record when isRecord kind -> changed record |> List.map (fun (name, other) -> "." + name, other)
    | _, value ->
        [ for other in Seq.cast<objnull>(Enum.GetValues kind) do
              if not (same other value) then
                  "", other ]

/// Every record that differs in one value, by the path of that value.
and changed (record: obj) : (string * obj) list =
    [ for property in properties (record.GetType()) do
          for name, other in variants property.PropertyType (property.GetValue record) do
              let fresh = copy record
              property.SetValue(fresh, other)
              property.Name + name, fresh ]

/// The paths and keys of a record type, as YAML has them: the parent's path and the key.
let rec keys (kind: Type) : (string list * string) list =
    [ for property in properties kind do
          let key = Lib.YamlRecord.Key property.Name
          [], key

          if isRecord property.PropertyType then
              for path, inner in keys property.PropertyType do
                  key :: path, inner ]
