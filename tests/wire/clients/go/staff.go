package main

import (
	"fmt"
	"math/big"
	"reflect"
	"time"

	"github.com/hazelcast/hazelcast-go-client/serialization"
	"github.com/hazelcast/hazelcast-go-client/types"
)

// The classes that the checks write: Compact, one that identifies itself, one Portable.

type Department struct {
	Name  *string
	Floor int32
}

type Employee struct {
	ID         int32
	Name       *string
	Age        int32
	Salary     float64
	Active     bool
	Department *Department
	Tags       []*string
	Hired      *types.LocalDate
}

// Kinds has one field of every kind that Compact has and every language can write.
type Kinds struct {
	Flag      bool
	Tiny      int8
	Small     int16
	Number    int32
	Big       int64
	Single    float32
	Real      float64
	Word      *string
	Amount    *types.Decimal
	Time      *types.LocalTime
	Date      *types.LocalDate
	Stamp     *types.LocalDateTime
	Zoned     *types.OffsetDateTime
	Bits      []bool
	Numbers   []int32
	Words     []*string
	Nothing   *int32
	Something *int32
	Holes     []*int64
	None      *string
}

func ptr[T any](value T) *T { return &value }

func strings_(words ...string) []*string {
	pointers := []*string{}
	for _, word := range words {
		pointers = append(pointers, ptr(word))
	}
	return pointers
}

func day(year int, month time.Month, date int) *types.LocalDate {
	return ptr(types.LocalDate(time.Date(year, month, date, 0, 0, 0, 0, time.UTC)))
}

func amount() types.Decimal {
	unscaled, _ := new(big.Int).SetString("-12345678901234567890125", 10)
	return types.NewDecimal(unscaled, 3)
}

func kinds() *Kinds {
	zone := time.FixedZone("", -5400)
	return &Kinds{
		Flag: true, Tiny: -7, Small: 30000, Number: -70000, Big: -9007199254740993, Single: 0.5, Real: 2.25,
		Word: ptr("Grüße 😀"), Amount: ptr(amount()),
		Time:  ptr(types.LocalTime(time.Date(0, 1, 1, 23, 59, 58, 7000000, time.UTC))),
		Date:  day(2024, 2, 29),
		Stamp: ptr(types.LocalDateTime(time.Date(2024, 2, 29, 1, 2, 3, 4000000, time.UTC))),
		Zoned: ptr(types.OffsetDateTime(time.Date(2024, 2, 29, 1, 2, 3, 4000000, zone))),
		Bits:  []bool{true, false, false, true, true, false, true, false, true}, Numbers: []int32{1, -2, 3},
		Words: []*string{ptr("a"), nil, ptr("")}, Something: ptr(int32(5)),
		Holes: []*int64{ptr(int64(1)), nil, ptr(int64(-3))},
	}
}

// staff is written by all languages the same; the key of each is "e" and its id.
func staff() []*Employee {
	engine, yard, office := &Department{ptr("engine"), 3}, &Department{ptr("yard"), 1}, &Department{ptr("office"), 2}
	return []*Employee{
		{1, ptr("Ada"), 36, 4200.5, true, engine, strings_("c", "math"), day(2019, 1, 31)},
		{2, ptr("Bob"), 25, 1800, false, yard, strings_(), day(2021, 12, 1)},
		{3, ptr("Cid"), 25, 2500.25, true, engine, strings_("go"), day(2021, 2, 28)},
		{4, ptr("Dee"), 41, 5100, true, nil, strings_("c"), day(2015, 6, 15)},
		{5, nil, 52, 3000, false, yard, nil, nil},
		{6, ptr("Fay"), 19, 900, true, office, strings_("java", "c"), day(2024, 2, 29)},
		{7, ptr("Gus"), 36, 2500.25, false, engine, strings_("node"), day(2019, 1, 31)},
		{8, ptr("ada"), 60, 7000, true, yard, strings_("math"), day(1999, 9, 9)},
	}
}

func compactStaff() []types.Entry {
	var pairs []types.Entry
	for _, employee := range staff() {
		pairs = append(pairs, types.NewEntry(fmt.Sprintf("e%d", employee.ID), employee))
	}
	return pairs
}

func jsonStaff() []types.Entry {
	var pairs []types.Entry
	for _, e := range staff() {
		department := "null"
		if e.Department != nil {
			department = fmt.Sprintf(`{"name": %s, "floor": %d}`, text(e.Department.Name), e.Department.Floor)
		}
		json := fmt.Sprintf(`{"id": %d, "name": %s, "age": %d, "salary": %s, "active": %t, "department": %s, "tags": %s}`,
			e.ID, text(e.Name), e.Age, text(e.Salary), e.Active, department, text(e.Tags))
		pairs = append(pairs, types.NewEntry(fmt.Sprintf("e%d", e.ID), serialization.JSON(json)))
	}
	return pairs
}

type departmentSerializer struct{}

func (departmentSerializer) Type() reflect.Type { return reflect.TypeOf(&Department{}) }
func (departmentSerializer) TypeName() string   { return "department" }

func (departmentSerializer) Read(r serialization.CompactReader) any {
	return &Department{Name: r.ReadString("name"), Floor: r.ReadInt32("floor")}
}

func (departmentSerializer) Write(w serialization.CompactWriter, value any) {
	department := value.(*Department)
	w.WriteString("name", department.Name)
	w.WriteInt32("floor", department.Floor)
}

type employeeSerializer struct{}

func (employeeSerializer) Type() reflect.Type { return reflect.TypeOf(&Employee{}) }
func (employeeSerializer) TypeName() string   { return "employee" }

func (employeeSerializer) Read(r serialization.CompactReader) any {
	department, _ := r.ReadCompact("department").(*Department)
	return &Employee{
		ID: r.ReadInt32("id"), Name: r.ReadString("name"), Age: r.ReadInt32("age"), Salary: r.ReadFloat64("salary"),
		Active: r.ReadBoolean("active"), Department: department, Tags: r.ReadArrayOfString("tags"), Hired: r.ReadDate("hired"),
	}
}

func (employeeSerializer) Write(w serialization.CompactWriter, value any) {
	employee := value.(*Employee)
	w.WriteInt32("id", employee.ID)
	w.WriteString("name", employee.Name)
	w.WriteInt32("age", employee.Age)
	w.WriteFloat64("salary", employee.Salary)
	w.WriteBoolean("active", employee.Active)
	if employee.Department == nil {
		w.WriteCompact("department", nil)
	} else {
		w.WriteCompact("department", employee.Department)
	}
	w.WriteArrayOfString("tags", employee.Tags)
	w.WriteDate("hired", employee.Hired)
}

type kindsSerializer struct{}

func (kindsSerializer) Type() reflect.Type { return reflect.TypeOf(&Kinds{}) }
func (kindsSerializer) TypeName() string   { return "kinds" }

func (kindsSerializer) Read(r serialization.CompactReader) any {
	return &Kinds{
		Flag: r.ReadBoolean("flag"), Tiny: r.ReadInt8("tiny"), Small: r.ReadInt16("small"), Number: r.ReadInt32("number"),
		Big: r.ReadInt64("big"), Single: r.ReadFloat32("single"), Real: r.ReadFloat64("real"), Word: r.ReadString("word"),
		Amount: r.ReadDecimal("amount"), Time: r.ReadTime("time"), Date: r.ReadDate("date"), Stamp: r.ReadTimestamp("stamp"),
		Zoned: r.ReadTimestampWithTimezone("zoned"), Bits: r.ReadArrayOfBoolean("bits"), Numbers: r.ReadArrayOfInt32("numbers"),
		Words: r.ReadArrayOfString("words"), Nothing: r.ReadNullableInt32("nothing"), Something: r.ReadNullableInt32("something"),
		Holes: r.ReadArrayOfNullableInt64("holes"), None: r.ReadString("none"),
	}
}

func (kindsSerializer) Write(w serialization.CompactWriter, value any) {
	kinds := value.(*Kinds)
	w.WriteBoolean("flag", kinds.Flag)
	w.WriteInt8("tiny", kinds.Tiny)
	w.WriteInt16("small", kinds.Small)
	w.WriteInt32("number", kinds.Number)
	w.WriteInt64("big", kinds.Big)
	w.WriteFloat32("single", kinds.Single)
	w.WriteFloat64("real", kinds.Real)
	w.WriteString("word", kinds.Word)
	w.WriteDecimal("amount", kinds.Amount)
	w.WriteTime("time", kinds.Time)
	w.WriteDate("date", kinds.Date)
	w.WriteTimestamp("stamp", kinds.Stamp)
	w.WriteTimestampWithTimezone("zoned", kinds.Zoned)
	w.WriteArrayOfBoolean("bits", kinds.Bits)
	w.WriteArrayOfInt32("numbers", kinds.Numbers)
	w.WriteArrayOfString("words", kinds.Words)
	w.WriteNullableInt32("nothing", kinds.Nothing)
	w.WriteNullableInt32("something", kinds.Something)
	w.WriteArrayOfNullableInt64("holes", kinds.Holes)
	w.WriteString("none", kinds.None)
}

// Identified identifies itself by two numbers.
type Identified struct{ Name string }

func (*Identified) FactoryID() int32                            { return 1 }
func (*Identified) ClassID() int32                              { return 2 }
func (i *Identified) WriteData(output serialization.DataOutput) { output.WriteString(i.Name) }
func (i *Identified) ReadData(input serialization.DataInput)    { i.Name = input.ReadString() }

type identifiedFactory struct{}

func (identifiedFactory) FactoryID() int32                                      { return 1 }
func (identifiedFactory) Create(int32) serialization.IdentifiedDataSerializable { return &Identified{} }

// Unknown is an entry processor that no member knows.
type Unknown struct{}

func (*Unknown) FactoryID() int32                   { return 77 }
func (*Unknown) ClassID() int32                     { return 1 }
func (*Unknown) WriteData(serialization.DataOutput) {}
func (*Unknown) ReadData(serialization.DataInput)   {}

type unknownFactory struct{}

func (unknownFactory) FactoryID() int32                                      { return 77 }
func (unknownFactory) Create(int32) serialization.IdentifiedDataSerializable { return &Unknown{} }

type Point struct {
	Label string
	X     int32
}

func (*Point) FactoryID() int32 { return 1 }
func (*Point) ClassID() int32   { return 3 }

func (p *Point) WritePortable(w serialization.PortableWriter) {
	w.WriteInt32("x", p.X)
	w.WriteString("label", p.Label)
}

func (p *Point) ReadPortable(r serialization.PortableReader) {
	p.X, p.Label = r.ReadInt32("x"), r.ReadString("label")
}

type pointFactory struct{}

func (pointFactory) FactoryID() int32                    { return 1 }
func (pointFactory) Create(int32) serialization.Portable { return &Point{} }

func register(config *serialization.Config) {
	config.Compact.SetSerializers(departmentSerializer{}, employeeSerializer{}, kindsSerializer{})
	config.SetIdentifiedDataSerializableFactories(identifiedFactory{}, unknownFactory{})
	config.SetPortableFactories(pointFactory{})
}
