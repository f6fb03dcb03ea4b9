// A part that is drawn anew only when what it was given is other than before: for rows of long lists.

import { Component } from 'preact';

export const pure = (View) => class extends Component {
  shouldComponentUpdate(next) {
    return Object.keys(next).some((key) => next[key] !== this.props[key]);
  }

  render(given) {
    return <View {...given} />;
  }
};
