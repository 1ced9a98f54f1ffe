package tdstest

import (
	"encoding/json"
	"strings"
)

// execute is EXEC.
func (x *execution) execute(st statement) error {
	p := parser{rest: st[1:]}
	name := p.object()
	c := call{name: name}
	for _, a := range separated(p.rest) {
		one := parser{rest: a}
		var v parameter
		if len(a) > 2 && a[0].shape == variable && a[1].is("=") {
			v.name = lower(one.next().text)
			one.next()
		}
		switch l := one.next(); {
		case l.shape == literal:
			v.value = l.text
		case l.shape == number:
			v.value = l.text
			if n, err := asInt(l.text); err == nil {
				v.value = n
			}
		case l.shape == variable:
			v.value = x.variables[lower(l.text)]
		case l.is("NULL"):
		default:
			return syntax(l.text)
		}
		if err := one.finished(); err != nil {
			return err
		}
		c.parameters = append(c.parameters, v)
	}
	if p.err != nil {
		return p.err
	}
	return x.perform(c)
}

// callProcedure answers a procedure that is called without a batch.
func (x *execution) callProcedure(c call) {
	p := parser{}
	p.rest, p.err = lex(c.name)
	c.name = p.object()
	if p.err != nil {
		x.fail(p.err, 1)
		return
	}
	if err := x.perform(c); err != nil {
		x.fail(err, 1)
	}
}

// perform runs a procedure: one of the system's, or one that was made.
func (x *execution) perform(c call) error {
	argument := func(name string, place int) any {
		for i, p := range c.parameters {
			if strings.EqualFold(p.name, name) || p.name == "" && i == place {
				return p.value
			}
		}
		return nil
	}
	switch lower(c.name) {
	case "sp_addextendedproperty", "sp_updateextendedproperty", "sp_dropextendedproperty":
		return x.property(lower(c.name), asText(argument("@name", 0)), argument("@value", 1))
	}
	var kept string
	if err := x.sql.QueryRowContext(x.ctx, "SELECT parameters FROM [tds objects] WHERE name = ? AND type = 'P'", c.name).
		Scan(&kept); err != nil {
		return fault(2812, 16, "Could not find stored procedure '%s'.", c.name)
	}
	names, body, _ := strings.Cut(kept, "\n")
	var parameters []string
	if err := json.Unmarshal([]byte(names), &parameters); err != nil {
		return err
	}
	if x.depth >= 32 {
		return fault(217, 16, "Maximum stored procedure, function, trigger, or view nesting level exceeded (limit 32).")
	}
	inner := &execution{session: x.session, ctx: x.ctx, reply: x.reply, batch: body, depth: x.depth + 1, variables: map[string]any{}}
	for i, name := range parameters {
		inner.variables[name] = argument(name, i)
	}
	inner.run()
	return nil
}

// property adds, changes or drops an extended property of the database.
func (x *execution) property(how, name string, value any) error {
	if err := x.writable(); err != nil {
		return err
	}
	n, err := x.number("SELECT COUNT(*) FROM [tds properties] WHERE name = ?", name)
	if err != nil {
		return err
	}
	if how == "sp_addextendedproperty" {
		if n > 0 {
			return fault(15233, 16, "Property cannot be added. Property '%s' already exists for 'object specified'.", name)
		}
		_, err = x.exec("INSERT INTO [tds properties] VALUES (?, ?)", name, value)
	} else {
		if n == 0 {
			return fault(15217, 16, "Property cannot be updated or deleted. Property '%s' does not exist for 'object specified'.", name)
		}
		if how == "sp_dropextendedproperty" {
			_, err = x.exec("DELETE FROM [tds properties] WHERE name = ?", name)
		} else {
			_, err = x.exec("UPDATE [tds properties] SET value = ? WHERE name = ?", value, name)
		}
	}
	if err != nil {
		return err
	}
	return x.finish()
}
